package e2e_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// neighbours makes two apps with the same content; the tokens of b are known to a as "b:NAME".
func neighbours(t *testing.T) (a, b *world) {
	t.Helper()
	a, b = shared.open(t), shared.open(t)
	for _, w := range []*world{a, b} {
		w.user(t, "li")
		require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
		w.insert(t, "li", "notes", `{"_id":"n","text":"of `+string(w.app)+`"}`)
		w.fill["file"] = w.upload(t, "li", "f.txt", "text/plain", "file of "+string(w.app))
		w.deployMain(t, "name", "const c = cloud.getWXContext(); return { env: c.ENV, openid: c.OPENID, all: (await cloud.database().collection('notes').get()).data }")
	}
	for name, token := range b.tokens {
		a.tokens["b:"+name] = token
	}
	a.fill["b"], a.fill["b:file"] = string(b.app), b.fill["file"]
	return a, b
}

// An app's credentials are worthless in another app, whoever holds them.
func TestApps_CredentialsAreWorthlessElsewhere(t *testing.T) {
	a, b := neighbours(t)
	routes := []exchange{
		{path: "/v1/apps/{app}/documents/notes/find", body: `{}`, want: []string{"of {app}"}, forbid: []string{"of {b}"}},
		{path: "/v1/apps/{app}/documents/notes/get", body: `{"id":"n"}`, want: []string{"of {app}"}},
		{path: "/v1/apps/{app}/documents/notes/count", body: `{}`, want: []string{"1"}},
		{path: "/v1/apps/{app}/documents/notes/aggregate", body: `{"pipeline":[]}`, want: []string{"of {app}"}},
		{path: "/v1/apps/{app}/documents/notes/update", body: `{"filter":{"_id":"n"},"update":{"$inc":{"x":1}}}`, want: []string{`"modified":1`}},
		{path: "/v1/apps/{app}/documents/notes/findAndUpdate", body: `{"filter":{"_id":"n"},"update":{"$inc":{"x":1}}}`, want: []string{`"modified":1`}},
		{path: "/v1/apps/{app}/documents/notes/update", body: `{"filter":{"_id":"n"},"update":[{"$set":{"x":{"$add":["$x",1]}}}]}`, want: []string{`"modified":1`}},
		{path: "/v1/apps/{app}/documents/notes/update", body: `{"filter":{"_id":"n"},"update":{"$set":{"l":[1,5]}}}`, want: []string{`"matched":1`}},
		{path: "/v1/apps/{app}/documents/notes/findAndUpdate", body: `{"filter":{"_id":"n"},"update":{"$inc":{"l.$[big]":1}},"arrayFilters":[{"big":{"$gt":2}}],"projection":{"l":1}}`, want: []string{`"document":{"_id":"n","l":[1,`}},
		{path: "/v1/apps/{app}/documents/notes/findAndDelete", body: `{"filter":{"_id":"nobody"},"sort":{"x":1}}`, want: []string{`"document":null`}},
		{path: "/v1/apps/{app}/documents/notes/count", body: `{"filter":{"_id":"N"},"collation":{"locale":"zh","strength":1}}`, want: []string{`{"total":1}`}},
		{path: "/v1/apps/{app}/documents/notes/find", body: `{"filter":{"_id":"N"},"sort":{"_id":-1},"collation":{"locale":"zh","strength":1}}`, want: []string{`"_id":"n"`}},
		{path: "/v1/apps/{app}/documents/notes/aggregate", body: `{"pipeline":[{"$match":{"_id":"N"}}],"collation":{"locale":"zh","strength":1}}`, want: []string{`"_id":"n"`}},
		{path: "/v1/apps/{app}/documents/notes/update", body: `{"filter":{"_id":"N"},"update":{"$inc":{"x":1}},"collation":{"locale":"zh","strength":1}}`, want: []string{`"modified":1`}},
		{path: "/v1/apps/{app}/documents/notes/findAndDelete", body: `{"filter":{"_id":"NO"},"collation":{"locale":"zh","strength":1}}`, want: []string{`"document":null`}},
		{path: "/v1/apps/{app}/documents/notes/insert", body: `{"documents":[{}]}`, want: []string{"insertedIds"}},
		{path: "/v1/apps/{app}/documents/notes/delete", body: `{"filter":{"text":{"$exists":false}},"multi":true}`, want: []string{"deleted"}},
		{path: "/v1/apps/{app}/documents/begin", want: []string{"transaction"}},
		{path: "/v1/apps/{app}/functions/name", body: `{}`, want: []string{`"{app}"`}, forbid: []string{"of {b}"}},
		{path: "/v1/apps/{app}/files/urls", body: `{"files":[{"fileId":"{file}"}]}`, want: []string{`"url"`}},
		{path: "/v1/apps/{app}/files/stat", body: `{"fileId":"{file}"}`, want: []string{"f.txt"}},
		{path: "/v1/apps/{app}/files/list", body: `{}`, want: []string{"f.txt"}},
		{path: "/v1/apps/{app}/files/grantUpload", body: `{"path":"g.txt"}`, want: []string{`"url"`}},
		{path: "/v1/apps/{app}/files/delete", body: `{"fileIds":[]}`, want: []string{"files"}},
	}
	for _, route := range routes {
		t.Run(strings.TrimPrefix(route.path, "/v1/apps/{app}/"), func(t *testing.T) {
			for _, who := range []string{"li", "owner"} {
				route.as = who
				a.check(t, route)
				stranger := route
				stranger.as, stranger.status, stranger.reason, stranger.want = "b:"+who, 401, yunduo.ReasonTokenInvalid, nil
				a.check(t, stranger)
			}
		})
	}
	t.Run("me", func(t *testing.T) {
		a.check(t, exchange{method: "GET", path: me, as: "li", want: []string{`"openId":"li"`}})
		a.check(t, exchange{method: "GET", path: me, as: "b:li", status: 401, reason: yunduo.ReasonTokenInvalid})
	})
	t.Run("nothing of b was touched", func(t *testing.T) {
		b.check(t, exchange{path: "/v1/apps/{app}/documents/notes/find", as: "owner", body: `{}`, want: []string{"of {app}"}, forbid: []string{`"x"`}})
	})
}

func TestApps_FilesOfAnotherAppCannotBeNamed(t *testing.T) {
	a, b := neighbours(t)
	a.run(t, []exchange{
		{name: "address", path: "/v1/apps/{app}/files/urls", as: "owner", body: `{"files":[{"fileId":"{b:file}"}]}`, want: []string{`"error"`}, forbid: []string{`"url"`}},
		{name: "description", path: "/v1/apps/{app}/files/stat", as: "li", body: `{"fileId":"{b:file}"}`, status: 404, reason: yunduo.ReasonFileNotFound},
		{name: "delete", path: "/v1/apps/{app}/files/delete", as: "owner", body: `{"fileIds":["{b:file}"]}`, want: []string{`"error"`}},
	})
	b.check(t, exchange{path: "/v1/apps/{app}/files/stat", as: "li", body: `{"fileId":"{file}"}`})
	url := b.fileURL(t, "li", b.fill["file"], 60)
	t.Run("address moved to another app", func(t *testing.T) {
		path := strings.Replace(url[len(b.url):], "/apps/"+string(b.app)+"/", "/apps/"+string(a.app)+"/", 1)
		a.check(t, exchange{method: "GET", path: path, status: 403, reason: yunduo.ReasonGrantInvalid})
	})
}

// The owner's surface is closed to end users and to the keys of other apps; each route has its sound twin or the
// operator's.
func TestApps_ManagementIsForTheOwner(t *testing.T) {
	a, _ := neighbours(t)
	manage := "/v1/manage/apps/{app}"
	routes := []exchange{
		{method: "GET", path: manage},
		{method: "PATCH", path: manage, body: `{"name":"x"}`},
		{method: "POST", path: manage + "/keys"},
		{method: "GET", path: manage + "/metrics"},
		{method: "POST", path: manage + "/users", body: `{"username":"han.mei","password":"correct horse"}`},
		{method: "POST", path: manage + "/users/list"},
		{method: "GET", path: manage + "/functions"},
		{method: "GET", path: manage + "/functions/name"},
		{method: "GET", path: manage + "/functions/name/versions"},
		{method: "POST", path: manage + "/functions/name/source"},
		{method: "POST", path: manage + "/functions/name/invoke", body: `{"openId":"li"}`},
		{method: "POST", path: manage + "/logs"},
		{method: "GET", path: manage + "/collections"},
		{method: "POST", path: manage + "/collections", body: `{"collection":"more"}`},
		{method: "GET", path: manage + "/collections/notes/rules"},
		{method: "PUT", path: manage + "/collections/notes/rules", body: `{"rules":"PRIVATE"}`},
		{method: "GET", path: manage + "/collections/notes/indexes"},
		{method: "POST", path: manage + "/collections/notes/indexes", body: `{"index":{"name":"i","fields":[{"path":"text"}]}}`},
		{method: "DELETE", path: manage + "/collections/notes/indexes/i"},
		{method: "GET", path: manage + "/triggers"},
		{method: "DELETE", path: manage + "/collections/more"},
		{method: "DELETE", path: manage + "/functions/name"},
	}
	for _, route := range routes {
		t.Run(route.method+" "+strings.TrimPrefix(route.path, manage), func(t *testing.T) {
			for who, refused := range map[string]yunduo.Reason{"": yunduo.ReasonTokenMissing, "li": yunduo.ReasonPermissionDenied, "b:li": yunduo.ReasonTokenInvalid, "b:owner": yunduo.ReasonTokenInvalid} {
				stranger := route
				stranger.as, stranger.reason, stranger.status = who, refused, 401
				if refused == yunduo.ReasonPermissionDenied {
					stranger.status = 403
				}
				a.check(t, stranger)
			}
			route.as = "owner"
			a.check(t, route)
		})
	}
}

func TestApps_ServerWideOperationsAreForOperators(t *testing.T) {
	a, _ := neighbours(t)
	for _, route := range []exchange{
		{method: "GET", path: "/v1/manage/server"},
		{method: "POST", path: "/v1/manage/apps", body: `{"id":"stolen"}`},
		{method: "DELETE", path: "/v1/manage/apps/{b}"},
	} {
		t.Run(route.method+" "+route.path, func(t *testing.T) {
			for _, who := range []string{"", "li", "owner"} {
				route.as = who
				r := a.send(t, route)
				require.Contains(t, []int{401, 403}, r.status, r.body)
			}
		})
	}
	a.run(t, []exchange{
		{name: "an owner sees their own app only", method: "GET", path: "/v1/manage/apps", as: "owner", want: []string{`"id":"{app}"`}, forbid: []string{`"id":"{b}"`}},
		{name: "an end user sees none", method: "GET", path: "/v1/manage/apps", as: "li", status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "an operator sees all", method: "GET", path: "/v1/manage/apps", as: "operator", want: []string{`"id":"{app}"`, `"id":"{b}"`}},
		{name: "an operator deletes", method: "DELETE", path: "/v1/manage/apps/{b}", as: "operator"},
		{name: "tokens of what is deleted are of no use", method: "GET", path: "/v1/apps/{b}/auth/me", as: "b:li", status: 404, reason: yunduo.ReasonAppNotFound},
		{name: "nor keys", path: "/v1/apps/{b}/documents/notes/find", as: "b:owner", body: `{}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "nor logins", path: "/v1/apps/{b}/auth/anonymous", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound},
		{name: "the owner of another app does not bring it back", path: "/v1/manage/deletedApps/{b}/restore", as: "owner", body: `{}`, status: 401, reason: yunduo.ReasonTokenInvalid},
		{name: "nor sees it", method: "GET", path: "/v1/manage/deletedApps", as: "owner", status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "an operator sees it", method: "GET", path: "/v1/manage/deletedApps", as: "operator", want: []string{`"id":"{b}"`, `"until"`}},
		{name: "its ID is taken", path: "/v1/manage/apps", as: "operator", body: `{"id":"{b}"}`, status: 409, reason: yunduo.ReasonAppExists},
		{name: "an operator brings it back", path: "/v1/manage/deletedApps/{b}/restore", as: "operator", body: `{}`, want: []string{`"id":"{b}"`}},
		{name: "with its users", method: "GET", path: "/v1/apps/{b}/auth/me", as: "b:li"},
		{name: "with its keys", method: "GET", path: "/v1/manage/apps/{b}", as: "b:owner", want: []string{`"changeLog":{"ageSeconds":0,"bytes":0}`}},
		{name: "its owner keeps less of its changes", method: "PATCH", path: "/v1/manage/apps/{b}", as: "b:owner", body: `{"changeLog":{"ageSeconds":3600}}`, want: []string{`"changeLog":{"ageSeconds":3600,"bytes":0}`}},
		{name: "not more than the server", method: "PATCH", path: "/v1/manage/apps/{b}", as: "b:owner", body: `{"changeLog":{"ageSeconds":9000000}}`, status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "an operator does", method: "PATCH", path: "/v1/manage/apps/{b}", as: "operator", body: `{"changeLog":{"ageSeconds":9000000}}`},
		{name: "nobody keeps for longer than there is time", method: "PATCH", path: "/v1/manage/apps/{b}", as: "operator", body: `{"changeLog":{"ageSeconds":9223372036854775807}}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "what is there is not dropped for good", method: "DELETE", path: "/v1/manage/deletedApps/{b}", as: "operator", status: 404, reason: yunduo.ReasonAppNotFound},
		{name: "an operator deletes again", method: "DELETE", path: "/v1/manage/apps/{b}", as: "operator"},
		{name: "and drops it for good", method: "DELETE", path: "/v1/manage/deletedApps/{b}", as: "operator"},
		{name: "then it does not come back", path: "/v1/manage/deletedApps/{b}/restore", as: "operator", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound},
		{name: "the system's own app is closed", path: "/v1/apps/_system/documents/sessions/find", as: "operator", body: `{}`, status: 404, reason: yunduo.ReasonAppNotFound},
	})
}

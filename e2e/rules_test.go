package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

// rest is the path of the gateway endpoint's documents.
const rest = "/v1/database/instances/(default)/databases/(default)/collections/"

// A rule holds alike for every operation on every endpoint, from the moment it is set.
func TestRules_HoldOnEveryEndpoint(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	for _, collection := range []string{"shop", "members"} {
		require.NoError(t, w.owner().CreateCollection(t.Context(), collection))
	}
	w.insert(t, "owner", "shop", `{"_id":"a","text":"for members","open":false}`, `{"_id":"b","text":"for all","open":true}`)
	w.insert(t, "owner", "members", `{"_id":"li","role":"boss"}`)
	rule := "get(`database.members.${auth.openid}`).role == 'boss' || doc.open == true"
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "shop", `{"read":"`+rule+`","write":"`+rule+`"}`))
	native, secret := "/v1/apps/{app}/documents/shop", []string{"for members"}
	web := func(action, more string) string {
		return `{"action":"database.` + action + `","env":"{app}","dataVersion":"2020-01-10","collectionName":"shop","access_token":"{token}"` + more + `}`
	}
	for _, who := range []string{"li", "han"} {
		w.fill["token"] = w.tokens[who]
		want, forbid, n, total := secret, []string{}, "2", "2"
		if who == "han" {
			want, forbid, n, total = []string{"for all"}, secret, "1", "1"
		}
		w.run(t, []exchange{
			{name: who + " finds", path: native + "/find", as: who, body: `{}`, want: want, forbid: forbid},
			{name: who + " counts", path: native + "/count", as: who, body: `{}`, want: []string{`"total":` + total}},
			{name: who + " aggregates", path: native + "/aggregate", as: who, body: `{"pipeline":[{"$count":"n"}]}`, want: []string{`"n":` + n}},
			{name: who + " finds (C)", method: "GET", path: rest + "shop/documents?limit=10", as: who, want: want, forbid: forbid},
			{name: who + " counts (C)", method: "GET", path: rest + "shop/documents?count=true", as: who, want: []string{`{"total":` + total + `}`}},
			{name: who + " aggregates (C)", path: rest + "shop/documents/aggregations", as: who, body: `{"pipeline":[{"$count":"n"}]}`, want: []string{`{"list":[{"n":` + n + `}]}`}},
			{name: who + " finds (B)", path: "/web?env={app}", body: web("queryDocument", `,"query":{},"limit":10`), want: want, forbid: forbid},
			{name: who + " counts (B)", path: "/web", body: web("countDocument", ""), want: []string{`"total":` + total}},
			{name: who + " aggregates (B)", path: "/web", body: web("aggregate", `,"stages":[{"stageKey":"$count","stageValue":"\"n\""}]`), want: []string{`n\\\":` + n}},
			{name: who + " updates (C)", method: "PATCH", path: rest + "shop/documents", as: who, body: `{"query":{},"data":{"$inc":{"hits":1}},"multi":true}`, want: []string{`"updated":` + n}},
			{name: who + " removes nothing (C)", path: rest + "shop/documents/remove", as: who, body: `{"query":{"_id":"none"}}`, want: []string{`{"deleted":0}`}},
		})
	}
	w.check(t, exchange{method: "GET", path: rest + "shop/documents/a", as: "li", want: secret})
	w.check(t, exchange{method: "GET", path: rest + "shop/documents/a", as: "han", status: 404, code: "DATABASE_REQUEST_FAILED", forbid: secret})
	w.check(t, exchange{path: rest + "shop/documents/remove", as: "han", body: `{"query":{"_id":"a"},"multi":true}`, want: []string{`{"deleted":0}`}})
	w.check(t, exchange{path: rest + "shop/documents/remove", as: "li", body: `{"query":{"_id":"a"},"multi":true}`, want: []string{`{"deleted":1}`}})
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "shop", `{"read":"doc._openid == auth.openid","strict":true}`))
	w.check(t, exchange{method: "GET", path: rest + "shop/documents", as: "li", status: 403, code: "DATABASE_PERMISSION_DENIED"})
	w.check(t, exchange{method: "GET", path: rest + "shop/documents?query=%7B%22_openid%22%3A%22%7Bopenid%7D%22%7D", as: "li", want: []string{`"list":[]`}})
	w.check(t, exchange{path: "/web", body: web("queryDocument", `,"query":{}`), code: "DATABASE_PERMISSION_DENIED"})
}

func TestRules_OfFiles(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	require.NoError(t, w.owner().SetRules(t.Context(), "files", "", `{"read":"resource.openid == auth.uid || resource.type == 'image/png'","write":"resource.openid == auth.openid && resource.size < 1000"}`))
	picture, note := w.upload(t, "li", "a.png", "image/png", "picture"), w.upload(t, "li", "b.txt", "", "note")
	w.fill["picture"], w.fill["note"] = picture, note
	info := "/v1/storages/get-objects-download-info"
	w.run(t, []exchange{
		{name: "han reads a picture", path: info, as: "han", body: `[{"cloudObjectId":"{picture}"}]`, want: []string{`"downloadUrl":"http`}},
		{name: "han reads no note", path: info, as: "han", body: `[{"cloudObjectId":"{note}"}]`, want: []string{"STORAGE_EXCEED_AUTHORITY"}},
		{name: "li reads the note", path: info, as: "li", body: `[{"cloudObjectId":"{note}"}]`, want: []string{`"downloadUrl":"http`}},
		{name: "han replaces nothing", path: "/v1/storages/get-objects-upload-info", as: "han", body: `[{"objectId":"b.txt"}]`, want: []string{"STORAGE_EXCEED_AUTHORITY"}},
		{name: "han copies what may be read", path: "/v1/storages/copy-objects", as: "han", body: `[{"srcPath":"a.png","dstPath":"han.png"},{"srcPath":"b.txt","dstPath":"han.txt"},{"srcPath":"a.png","dstPath":"moved.png","removeOriginal":true}]`,
			want: []string{`/han.png"`, "STORAGE_EXCEED_AUTHORITY"}, forbid: []string{`/han.txt"`, `/moved.png"`}},
		{name: "han removes nothing", path: "/v1/storages/delete-objects", as: "han", body: `[{"cloudObjectId":"{picture}"}]`, want: []string{"STORAGE_EXCEED_AUTHORITY"}},
		{name: "li removes", path: "/v1/storages/delete-objects", as: "li", body: `[{"cloudObjectId":"{picture}"}]`, forbid: []string{"code"}},
	})
	// A file that turns out larger than the rule allows is not kept.
	var grant wire.GrantUploadResponse
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/files/grantUpload", wire.GrantUploadRequest{Path: "big.txt"}, &grant))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, grant.URL, strings.NewReader(strings.Repeat("x", 1000)))
	require.NoError(t, err)
	refused, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, refused.Body.Close())
	require.Equal(t, http.StatusForbidden, refused.StatusCode)
}

func TestRules_OfFunctions(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	anonymous, err := w.owner().WithToken("").Login(t.Context(), "anonymous", struct{}{})
	require.NoError(t, err)
	w.tokens["guest"] = anonymous.AccessToken
	for _, name := range []string{"open", "users", "closed"} {
		w.deployMain(t, name, "if (event.call) return (await cloud.callFunction({name: event.call})).result\nreturn 'ran'")
	}
	w.check(t, exchange{path: "/v1/functions/closed", as: "guest", want: []string{"ran"}})
	require.NoError(t, w.owner().SetRules(t.Context(), "functions", "", `{"*":{"invoke":true},"users":{"invoke":"auth.loginType != 'ANONYMOUS'"},"closed":{"invoke":false}}`))
	w.fill["token"] = w.tokens["guest"]
	w.run(t, []exchange{
		{name: "everybody", path: "/v1/functions/open", as: "guest", want: []string{"ran"}},
		{name: "a user", path: "/v1/functions/users", as: "li", want: []string{"ran"}},
		{name: "a guest", path: "/v1/functions/users", as: "guest", status: 403, code: "FUNCTIONS_REQUEST_FAIL"},
		{name: "a guest over our own API", path: "/v1/apps/{app}/functions/users", as: "guest", status: 403, reason: yunduo.ReasonFunctionDenied},
		{name: "a guest on the web endpoint", path: "/web", body: `{"action":"functions.invokeFunction","env":"{app}","function_name":"users","access_token":"{token}"}`, code: "FUNCTIONS_REQUEST_FAIL"},
		{name: "nobody", path: "/v1/functions/closed", as: "li", status: 403, code: "FUNCTIONS_REQUEST_FAIL"},
		{name: "the owner", path: "/v1/functions/closed", as: "owner", want: []string{"ran"}},
		{name: "code", path: "/v1/functions/open", as: "li", body: `{"call":"closed"}`, want: []string{"ran"}},
		{name: "what there is not looks the same", path: "/v1/functions/nothing", as: "li", status: 404, code: "FUNCTIONS_REQUEST_FAIL"},
	})
}

func TestRules_AreSetAndTriedByTheOwnerAlone(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	other := shared.open(t)
	w.tokens["stranger"] = other.keys.APIKey
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	manage := "/v1/manage/apps/{app}/rules/"
	for _, path := range []string{"files", "functions"} {
		w.check(t, exchange{method: "GET", path: manage + path, as: "owner", want: []string{`"rules":"`}})
		w.check(t, exchange{method: "GET", path: manage + path, as: "li", status: 403, reason: yunduo.ReasonPermissionDenied})
		w.check(t, exchange{method: "PUT", path: manage + path, as: "li", body: `{"rules":"{}"}`, status: 403, reason: yunduo.ReasonPermissionDenied})
		w.check(t, exchange{method: "PUT", path: manage + path, as: "stranger", body: `{"rules":"{}"}`, status: 401, reason: yunduo.ReasonTokenInvalid})
		w.check(t, exchange{method: "PUT", path: manage + path, as: "owner", body: `{"rules":"{\"read\":\"doc.x == 1\"}"}`, status: 400, reason: yunduo.ReasonInvalidRules})
	}
	w.run(t, []exchange{
		{name: "who tries", path: manage + "test", as: "li", body: `{}`, status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "a collection", path: manage + "test", as: "owner", body: `{"kind":"collection","name":"notes","operation":"read","auth":{"openid":"li"},"document":{"_openid":"li"}}`,
			want: []string{`"allows":"some"`, `"allowed":true`, `"_openid":{"$eq":"li"}`}},
		{name: "another's", path: manage + "test", as: "owner", body: `{"kind":"collection","name":"notes","operation":"read","auth":{"openid":"li"},"document":{"_openid":"han"}}`, want: []string{`"allowed":false`}},
		{name: "nobody", path: manage + "test", as: "owner", body: `{"kind":"collection","name":"notes","operation":"update","rules":"{\"write\":\"auth != null\"}"}`, want: []string{`"allows":"none"`}},
		{name: "a file", path: manage + "test", as: "owner", body: `{"kind":"files","operation":"read","rules":"readonly"}`, want: []string{`"allows":"all"`}},
		{name: "a function", path: manage + "test", as: "owner", body: `{"kind":"function","name":"f","auth":{"uid":"u"}}`, want: []string{`"allows":"all"`}},
		{name: "no operation", path: manage + "test", as: "owner", body: `{"kind":"files"}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "no kind", path: manage + "test", as: "owner", body: `{"kind":"x"}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "wrong rules", path: manage + "test", as: "owner", body: `{"kind":"function","name":"f","rules":"{"}`, status: 400, reason: yunduo.ReasonInvalidRules},
	})
	text, err := client.New(w.url, w.app, w.keys.APIKey).Rules(t.Context(), "functions", "")
	require.NoError(t, err)
	require.Contains(t, text, "auth != null")
}

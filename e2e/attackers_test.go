package e2e_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

// spoken says one request in every dialect that an end user can speak: our own, the web endpoint's and the gateway's.
// Filters, updates and pipelines are JSON.
type spoken struct{ filter, update, pipeline, document string }

// dialects sends what is spoken on a collection and returns the answers by dialect.
func (w *world) dialects(t *testing.T, who, collection string, s spoken) map[string]reply {
	t.Helper()
	native, gateway := "/v1/apps/{app}/documents/"+collection, rest+collection+"/documents"
	web := func(action, members string) exchange {
		return exchange{path: "/web?env={app}", body: `{"action":"database.` + action + `","env":"{app}","collectionName":"` + collection + `","access_token":"` + w.tokens[who] + `",` + members + `}`}
	}
	var own, b, c exchange
	switch {
	case s.document != "":
		own = exchange{path: native + "/insert", body: `{"documents":[` + s.document + `]}`}
		b = web("addDocument", `"data":`+s.document)
		c = exchange{path: gateway, body: `{"data":[` + s.document + `]}`}
	case s.pipeline != "":
		var stages []map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(s.pipeline), &stages))
		list := []map[string]string{}
		for _, stage := range stages {
			for key, value := range stage {
				list = append(list, map[string]string{"stageKey": key, "stageValue": string(value)})
			}
		}
		text, err := json.Marshal(list)
		require.NoError(t, err)
		own = exchange{path: native + "/aggregate", body: `{"pipeline":` + s.pipeline + `}`}
		b = web("aggregate", `"stages":`+string(text))
		c = exchange{path: gateway + "/aggregations", body: `{"pipeline":` + s.pipeline + `}`}
	case s.update != "":
		own = exchange{path: native + "/update", body: `{"filter":` + s.filter + `,"update":` + s.update + `,"multi":true}`}
		b = web("updateDocument", `"query":`+s.filter+`,"data":`+s.update+`,"merge":true,"multi":true,"upsert":false`)
		c = exchange{method: "PATCH", path: gateway, body: `{"query":` + s.filter + `,"data":` + s.update + `,"multi":true}`}
	default:
		own = exchange{path: native + "/find", body: `{"filter":` + s.filter + `}`}
		b = web("queryDocument", `"query":`+s.filter+`,"limit":100`)
		c = exchange{method: "GET", path: gateway + "?limit=100&query=" + url.QueryEscape(s.filter)}
	}
	own.as, c.as = who, who
	return map[string]reply{"own": w.send(t, own), "web": w.send(t, b), "gateway": w.send(t, c)}
}

// refusal is the reason or code of an answer; empty if it is none.
func refusal(t *testing.T, r reply) string {
	t.Helper()
	var body struct {
		Code  string
		Error struct{ Reason string }
	}
	_ = json.Unmarshal([]byte(r.body), &body) // a list is no refusal
	require.NotContains(t, r.body, "goroutine ")
	return body.Code + body.Error.Reason
}

// victims is an app with a document of li's that others must not see, and one that nobody but the owner may.
func victims(t *testing.T) *world {
	t.Helper()
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	for _, collection := range []string{"mine", "vault", "open"} {
		require.NoError(t, w.owner().CreateCollection(t.Context(), collection))
	}
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "vault", "adminonly"))
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "open", "readonly"))
	w.insert(t, "li", "mine", `{"_id":"of-li","text":"VICTIM","n":1}`)
	w.insert(t, "han", "mine", `{"_id":"of-han","text":"own","n":1}`)
	w.insert(t, "owner", "vault", `{"_id":"v","text":"VICTIM","n":1}`)
	w.insert(t, "owner", "open", `{"_id":"o","text":"open","n":1}`)
	return w
}

// Filters that a page builds from what its user typed may hold any operator. None shows what the rule hides.
func TestAttackers_OperatorsInFilters(t *testing.T) {
	w := victims(t)
	for _, filter := range []string{
		`{}`, `{"_id":{"$ne":""}}`, `{"_id":{"$in":["of-li","of-han"]}}`, `{"_openid":"li"}`, `{"_openid":{"$ne":null}}`, `{"_openid":{"$exists":true}}`,
		`{"_openid":{"$regex":"."}}`, `{"$or":[{},{"_openid":"li"}]}`, `{"$or":[{"_openid":"li"},{"n":1}]}`, `{"$nor":[{"_openid":"han"}]}`, `{"$and":[{"$or":[{"n":1}]},{"_id":{"$gt":""}}]}`,
		`{"_openid":{"$not":{"$eq":"han"}}}`, `{"$expr":{"$ne":["$_openid","han"]}}`, `{"$expr":true}`, `{"_openid":{"$in":["li","han"]}}`, `{"$jsonSchema":{}}`,
		`{"$expr":{"$or":[true,{"$eq":["$$CURRENT._openid","li"]}]}}`, `{"_openid":{"$nin":["han"]}}`, `{"_openid":{"$gt":""},"n":{"$gte":0}}`, `{"$comment":"x"}`,
	} {
		for dialect, r := range w.dialects(t, "han", "mine", spoken{filter: filter}) {
			require.NotContains(t, r.body, "VICTIM", "%s: %s", dialect, filter)
		}
		for dialect, r := range w.dialects(t, "han", "vault", spoken{filter: filter}) {
			require.NotContains(t, r.body, "VICTIM", "%s: %s", dialect, filter)
		}
	}
	for _, filter := range []string{`{"_id":{"$in":["of-li","of-han"]}}`, `{"$or":[{"_openid":"li"},{"n":5}]}`, `{"$expr":{"$eq":["$_openid","li"]}}`} { // whose they are sees them by the same
		for dialect, r := range w.dialects(t, "li", "mine", spoken{filter: filter}) {
			require.Contains(t, r.body, "VICTIM", "%s: %s", dialect, filter)
		}
	}
	for _, filter := range []string{
		`{"$where":"1"}`, `{"n":{"$where":"1"}}`, `{"$function":{"body":"1","args":[],"lang":"js"}}`, `{"$expr":{"$function":{"body":"1","args":[],"lang":"js"}}}`, `{"n":{"$nosuch":1}}`,
	} {
		for dialect, r := range w.dialects(t, "han", "mine", spoken{filter: filter}) {
			require.Contains(t, []string{"unknown_operator", "DATABASE_INVALID_OPERRATOR"}, refusal(t, r), "%s: %s: %s", dialect, filter, r.body)
		}
	}
}

// Updates reach only what the rule allows, and give nothing away and take nothing over.
func TestAttackers_OperatorsInUpdates(t *testing.T) {
	w := victims(t)
	for _, update := range []string{
		`{"$set":{"text":"stolen"}}`, `{"$unset":{"text":""}}`, `{"$rename":{"text":"gone"}}`, `{"$inc":{"n":5}}`,
		`{"$set":{"_openid":"han"}}`, `{"$unset":{"_openid":""}}`, `{"$rename":{"_openid":"was"}}`, `{"$set":{"_id":"other"}}`, `{"$setOnInsert":{"_openid":"li"}}`,
		`[{"$set":{"text":"stolen"}}]`, `[{"$set":{"_openid":"han"}}]`, `[{"$replaceWith":{"text":"stolen"}}]`, `{"text":"replaced","_openid":"li"}`,
	} {
		for _, filter := range []string{`{"_id":"of-li"}`, `{"_openid":"li"}`, `{"$or":[{},{"_id":"of-li"}]}`} {
			w.dialects(t, "han", "mine", spoken{filter: filter, update: update})
			w.dialects(t, "han", "vault", spoken{filter: `{}`, update: update})
		}
	}
	for collection, id := range map[string]string{"mine": "of-li", "vault": "v"} {
		documents, err := w.owner().Find(t.Context(), collection, wire.FindRequest{Filter: json.RawMessage(`{"_id":"` + id + `"}`)})
		require.NoError(t, err)
		require.Len(t, documents, 1)
		require.Contains(t, string(documents[0]), `"text":"VICTIM","n":1`)
	}
	// What is han's may have been emptied by the above, but is still han's, and nothing is in li's name but what li made.
	for owner, n := range map[string]int64{"li": 1, "han": 1} {
		count, err := w.owner().Count(t.Context(), "mine", json.RawMessage(`{"_openid":"`+owner+`"}`))
		require.NoError(t, err)
		require.Equal(t, n, count, owner)
	}
	for dialect, r := range w.dialects(t, "han", "mine", spoken{document: `{"text":"forged","_openid":"li"}`}) {
		require.Contains(t, []string{"permission_denied", "DATABASE_PERMISSION_DENIED"}, refusal(t, r), dialect)
	}
	for dialect, r := range w.dialects(t, "han", "mine", spoken{document: `{"text":"honest"}`}) {
		require.Empty(t, refusal(t, r), dialect)
	}
	for dialect, r := range w.dialects(t, "li", "mine", spoken{filter: `{"_id":"of-li"}`, update: `{"$inc":{"n":1}}`}) {
		require.Empty(t, refusal(t, r), dialect)
	}
}

// Pipelines read no collection that the rules hide, by whichever stage, and write none.
func TestAttackers_Pipelines(t *testing.T) {
	w := victims(t)
	lookup := `{"$lookup":{"from":"vault","localField":"n","foreignField":"n","as":"x"}}`
	for _, pipeline := range []string{
		`[` + lookup + `]`,
		`[{"$lookup":{"from":"vault","pipeline":[],"as":"x"}}]`,
		`[{"$lookup":{"from":"vault","let":{"n":"$n"},"pipeline":[{"$match":{"$expr":{"$eq":["$n","$$n"]}}}],"as":"x"}}]`,
		`[{"$lookup":{"from":"open","pipeline":[` + lookup + `],"as":"x"}}]`,
		`[{"$facet":{"a":[` + lookup + `]}}]`,
		`[{"$facet":{"a":[{"$unionWith":"vault"}]}}]`,
		`[{"$unionWith":"vault"}]`, `[{"$unionWith":{"coll":"vault","pipeline":[]}}]`, `[{"$unionWith":{"coll":"open","pipeline":[{"$unionWith":"vault"}]}}]`,
		`[{"$graphLookup":{"from":"vault","startWith":"$n","connectFromField":"n","connectToField":"n","as":"x"}}]`,
		`[{"$lookup":{"from":{"db":"admin","coll":"vault"},"localField":"n","foreignField":"n","as":"x"}}]`,
		`[{"$lookup":{"from":"_users","localField":"n","foreignField":"n","as":"x"}}]`, `[{"$unionWith":"_collections"}]`,
		`[{"$out":"open"}]`, `[{"$merge":{"into":"open"}}]`, `[{"$facet":{"a":[{"$out":"open"}]}}]`,
		`[{"$addFields":{"x":{"$function":{"body":"1","args":[],"lang":"js"}}}}]`, `[{"$group":{"_id":null,"x":{"$accumulator":{}}}}]`,
		`[{"$currentOp":{}}]`, `[{"$listSessions":{}}]`, `[{"$changeStream":{}}]`, `[{"$documents":[{"a":1}]}]`,
	} {
		for dialect, r := range w.dialects(t, "han", "open", spoken{pipeline: pipeline}) {
			require.NotEmpty(t, refusal(t, r), "%s: %s: %s", dialect, pipeline, r.body)
			require.NotContains(t, r.body, "VICTIM", "%s: %s", dialect, pipeline)
		}
	}
	// Others' documents of a collection that is one's own in part stay hidden behind a join, and behind stages in front.
	for _, pipeline := range []string{
		`[{"$lookup":{"from":"mine","localField":"n","foreignField":"n","as":"x"}}]`, `[{"$unionWith":"mine"}]`, `[{"$facet":{"a":[{"$unionWith":"mine"}]}}]`,
		`[{"$graphLookup":{"from":"mine","startWith":"$n","connectFromField":"n","connectToField":"n","as":"x"}}]`,
	} {
		for dialect, r := range w.dialects(t, "han", "open", spoken{pipeline: pipeline}) {
			require.NotContains(t, r.body, "VICTIM", "%s: %s", dialect, pipeline)
		}
		for dialect, r := range w.dialects(t, "li", "open", spoken{pipeline: pipeline}) {
			require.True(t, strings.Contains(r.body, "VICTIM") || refusal(t, r) != "", "%s: %s: %s", dialect, pipeline, r.body)
		}
	}
	for dialect, r := range w.dialects(t, "li", "open", spoken{pipeline: `[{"$lookup":{"from":"mine","localField":"n","foreignField":"n","as":"x"}}]`}) {
		require.Contains(t, r.body, "VICTIM", dialect)
	}
	count, err := w.owner().Count(t.Context(), "open", nil)
	require.NoError(t, err)
	require.Equal(t, int64(1), count)
}

// Expressions that take other engines forever are refused or answered: ours take time in proportion to the text.
func TestAttackers_RegularExpressions(t *testing.T) {
	w := victims(t)
	w.insert(t, "han", "mine", `{"_id":"long","text":"`+strings.Repeat("a", 50_000)+`!"}`)
	for pattern, refused := range map[string]bool{
		`(a+)+$`: false, `(a|a)*$`: false, `(.*a){20}$`: false, `^(([a-z])+.)+[A-Z]([a-z])+$`: false,
		`(a{1000}){1000}`: true, `((a{100}){100}){100}`: true, `(?=a)a`: true, `(a)\\1`: true, `(`: true, strings.Repeat("(a", 2000): true,
	} {
		for _, filter := range []string{`{"text":{"$regex":"` + pattern + `"}}`, `{"$expr":{"$regexMatch":{"input":"$text","regex":"` + pattern + `"}}}`} {
			for dialect, r := range w.dialects(t, "han", "mine", spoken{filter: filter}) {
				require.Equal(t, refused, refusal(t, r) != "", "%s: %s: %.200s", dialect, filter, r.body)
				require.NotContains(t, r.body, "internal", "%s: %s", dialect, filter)
			}
		}
	}
	for dialect, r := range w.dialects(t, "han", "mine", spoken{filter: `{"text":{"$regex":"a!$"}}`}) {
		require.Contains(t, r.body, `"long"`, dialect)
	}
}

// Files: no path leads out of the app's own, by whichever call, and no address serves another's bytes.
func TestAttackers_Paths(t *testing.T) {
	w, other := victims(t), victims(t)
	secret := other.upload(t, "li", "secret.txt", "text/plain", "VICTIM")
	mine := w.upload(t, "han", "mine.txt", "text/plain", "own")
	w.fill["foreign"], w.fill["mine"], w.fill["token"] = secret, mine, w.tokens["han"]
	web := func(action, members string) exchange {
		return exchange{path: "/web?env={app}", body: `{"action":"storage.` + action + `","env":"{app}","access_token":"{token}",` + members + `}`}
	}
	for _, id := range []string{"{foreign}", "cloud://{app}.files/../" + string(other.app) + "/secret.txt", "cloud://{app}.files/%2e%2e/secret.txt", "../../etc/passwd", "/etc/passwd", "cloud://", "cloud://{app}.files/a\\u0000b", "file:///etc/passwd"} {
		for name, e := range map[string]exchange{
			"B url":    web("batchGetDownloadUrl", `"file_list":[{"fileid":"`+id+`"}]`),
			"B delete": web("batchDeleteFile", `"fileid_list":["`+id+`"]`),
			"B copy":   web("batchCopyFile", `"file_list":[{"src_path":"`+id+`","dst_path":"copy.txt"}]`),
			"B out":    web("batchCopyFile", `"file_list":[{"src_path":"mine.txt","dst_path":"`+id+`"}]`),
			"C url":    {path: "/v1/storages/get-objects-download-info", as: "han", body: `[{"cloudObjectId":"` + id + `"}]`},
			"C delete": {path: "/v1/storages/delete-objects", as: "han", body: `[{"cloudObjectId":"` + id + `"}]`},
			"C copy":   {path: "/v1/storages/copy-objects", as: "han", body: `[{"srcPath":"` + id + `","dstPath":"copy.txt"}]`},
		} {
			if name == "B out" && !strings.Contains(id, "..") {
				continue // a name like any other, below the app's own folder
			}
			r := w.send(t, e)
			require.NotContains(t, r.body, `"SUCCESS"`, "%s of %s: %s", name, id, r.body)
			require.NotContains(t, r.body, "passwd?sign=", "%s of %s", name, id)
			if strings.HasPrefix(name, "C") && r.status == 200 {
				require.Contains(t, r.body, `"code":"`, "%s of %s: %s", name, id, r.body)
			}
		}
	}
	require.Contains(t, other.fileURL(t, "li", secret, 60), "sign=") // it is still there
	require.Contains(t, w.send(t, web("batchDeleteFile", `"fileid_list":["{mine}"]`)).body, `"SUCCESS"`)
	for _, path := range []string{
		"/v1/storages/objects/../../../etc/passwd", "/v1/storages/objects/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/functions/..%2f..%2fetc%2fpasswd",
		rest + "..%2f_collections/documents", rest + "_collections/documents", rest + "%24cmd/documents", "/console/..%2f..%2fetc%2fpasswd",
	} {
		r := w.send(t, exchange{method: "GET", path: path, as: "han"})
		require.GreaterOrEqual(t, r.status, 400, path)
		require.NotContains(t, r.body, "root:", path)
	}
}

// A header that a client sends, or a name that it gives, comes back as data or not at all.
func TestAttackers_Headers(t *testing.T) {
	w := victims(t)
	for _, contentType := range []string{"text/plain\\r\\nX-Evil: 1", "text/plain\\nSet-Cookie: a=b", "\\u0000", "text/html"} {
		r := w.send(t, exchange{path: "/v1/storages/get-objects-upload-info", as: "han", body: `[{"objectId":"h.txt","signedHeader":{"content-type":["` + contentType + `"]}}]`})
		require.Empty(t, r.header.Get("X-Evil"))
		require.Empty(t, r.header.Get("Set-Cookie"))
	}
	for _, name := range []string{"a\r\nX-Evil: 1.txt", "a\nb.txt", `a";filename="b.html`, "a\u202etxt.exe"} {
		text, err := json.Marshal(name)
		require.NoError(t, err)
		r := w.send(t, exchange{path: "/v1/apps/{app}/files/grantUpload", as: "han", body: `{"path":` + string(text) + `,"contentType":"text/plain"}`})
		if r.status != 200 {
			require.Contains(t, r.body, string(yunduo.ReasonInvalidFileID))
			continue
		}
		download := w.check(t, exchange{method: "GET", path: w.fileURL(t, "han", w.upload(t, "han", name, "text/plain", "x"), 60)[len(w.url):]})
		require.Empty(t, download.header.Get("X-Evil"))
		require.NotContains(t, download.header.Get("Content-Disposition"), `filename="b.html`)
	}
	for trace, back := range map[string]string{"abc-1": "abc-1", "a b": "", "a\tb": "", strings.Repeat("a", 257): "", "ä": ""} {
		require.Equal(t, back, w.send(t, exchange{path: "/web?env={app}", header: map[string]string{"X-TCB-Trace": trace}, body: `{}`}).header.Get("X-Tcb-Trace"))
	}
}

// An end user reaches a version only through an alias, and an alias only where the function's rules let them.
func TestAttackers_VersionsOfFunctions(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "open", "return 'old'")
	w.deployMain(t, "open", "return 'new'")
	w.deployMain(t, "secret", "return 'SECRET'")
	manage := func(method, path string, body any) {
		t.Helper()
		require.NoError(t, w.owner().Do(t.Context(), method, "/v1/manage/apps/"+string(w.app)+path, body, nil))
	}
	manage("PUT", "/rules/functions", map[string]string{"rules": `{"*":{"invoke":"auth != null"},"secret":{"invoke":false}}`})
	manage("PUT", "/functions/open/aliases/beta", map[string]any{"version": 1})
	manage("PUT", "/functions/secret/aliases/beta", map[string]any{"version": 1})
	call := func(name, qualifier string) map[string]reply {
		t.Helper()
		members := `"action":"functions.invokeFunction","function_name":"` + name + `","qualifier":"` + qualifier + `","request_data":"{}"`
		replies := map[string]reply{"web": w.send(t, exchange{path: "/web?env={app}", body: `{` + members + `,"access_token":"` + w.tokens["li"] + `"}`})}
		if qualifier != "" {
			name += ":" + qualifier
		}
		replies["gateway"] = w.send(t, exchange{path: "/v1/functions/" + name, as: "li", body: `{}`})
		replies["native"] = w.send(t, exchange{path: "/v1/apps/{app}/functions/" + name, as: "li", body: `{}`})
		return replies
	}
	for dialect, r := range call("open", "beta") {
		require.Contains(t, r.body, "old", dialect)
	}
	for dialect, r := range call("open", "") {
		require.Contains(t, r.body, "new", dialect)
	}
	for _, qualifier := range []string{"1", "2", "01", "gamma", "beta:1", "../secret", "live:", "-1"} {
		for dialect, r := range call("open", qualifier) {
			require.NotEmpty(t, refusal(t, r), "%s: %s: %s", dialect, qualifier, r.body)
		}
	}
	for _, qualifier := range []string{"", "beta", "live", "1"} {
		for dialect, r := range call("secret", qualifier) {
			require.NotEmpty(t, refusal(t, r), "%s: %s", dialect, qualifier)
			require.NotContains(t, r.body, "SECRET", "%s: %s", dialect, qualifier)
		}
	}
}

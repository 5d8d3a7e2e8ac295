package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// Everything that one end user may do with their own documents another may not: each exchange by Han has a twin by Li
// that shows that the request itself is sound.
func TestUsers_CannotReachEachOthersDocuments(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	anonymous, err := w.owner().WithToken("").Login(t.Context(), "anonymous", struct{}{})
	require.NoError(t, err)
	w.tokens["anonymous"] = anonymous.AccessToken
	for _, collection := range []string{"diary", "index"} {
		require.NoError(t, w.owner().CreateCollection(t.Context(), collection))
	}
	w.insert(t, "li", "diary", `{"_id":"d1","text":"secret of li","n":1}`, `{"_id":"d2","text":"secret of li","n":2}`)
	w.insert(t, "han", "index", `{"_id":"i1","diary":"d1"}`)
	w.insert(t, "li", "index", `{"_id":"i2","diary":"d1"}`)
	diary, index := "/v1/apps/{app}/documents/diary", "/v1/apps/{app}/documents/index"
	secret, none := []string{"secret of li"}, []string{"secret of li"}
	lookup := `{"pipeline":[{"$lookup":{"from":"diary","localField":"diary","foreignField":"_id","as":"found"}}]}`
	pipelineLookup := `{"pipeline":[{"$lookup":{"from":"diary","let":{"d":"$diary"},"pipeline":[{"$match":{"$expr":{"$eq":["$_id","$$d"]}}}],"as":"found"}}]}`
	union := `{"pipeline":[{"$unionWith":{"coll":"diary"}}]}`
	graph := `{"pipeline":[{"$graphLookup":{"from":"diary","startWith":"$diary","connectFromField":"next","connectToField":"_id","as":"found"}}]}`
	w.run(t, []exchange{
		{name: "find: li", path: diary + "/find", as: "li", body: `{}`, want: secret},
		{name: "find: han", path: diary + "/find", as: "han", body: `{}`, want: []string{`{"documents":[]}`}},
		{name: "find by id: han", path: diary + "/find", as: "han", body: `{"filter":{"_id":"d1"}}`, want: []string{`[]`}},
		{name: "find as li by claim: han", path: diary + "/find", as: "han", body: `{"filter":{"_openid":"li"}}`, want: []string{`[]`}},
		{name: "find around the rule: han", path: diary + "/find", as: "han", body: `{"filter":{"$or":[{"_openid":"han"},{"n":{"$gt":0}}]}}`, want: []string{`[]`}},
		{name: "find: somebody unknown", path: diary + "/find", as: "anonymous", body: `{}`, want: []string{`[]`}},
		{name: "get: li", path: diary + "/get", as: "li", body: `{"id":"d1"}`, want: secret},
		{name: "get: han", path: diary + "/get", as: "han", body: `{"id":"d1"}`, want: []string{`{"document":null}`}},
		{name: "count: li", path: diary + "/count", as: "li", body: `{}`, want: []string{`{"total":2}`}},
		{name: "count: han", path: diary + "/count", as: "han", body: `{}`, want: []string{`{"total":0}`}},
		{name: "aggregate: li", path: diary + "/aggregate", as: "li", body: `{"pipeline":[{"$group":{"_id":null,"n":{"$sum":"$n"}}}]}`, want: []string{`"n":3`}},
		{name: "aggregate: han", path: diary + "/aggregate", as: "han", body: `{"pipeline":[{"$group":{"_id":null,"n":{"$sum":"$n"}}}]}`, want: []string{`{"documents":[]}`}},
		{name: "$lookup: li", path: index + "/aggregate", as: "li", body: lookup, want: secret},
		{name: "$lookup: han", path: index + "/aggregate", as: "han", body: lookup, want: []string{`"found":[]`}, forbid: none},
		{name: "$lookup by pipeline: li", path: index + "/aggregate", as: "li", body: pipelineLookup, want: secret},
		{name: "$lookup by pipeline: han", path: index + "/aggregate", as: "han", body: pipelineLookup, want: []string{`"found":[]`}, forbid: none},
		{name: "$unionWith: li", path: index + "/aggregate", as: "li", body: union, want: secret},
		{name: "$unionWith: han", path: index + "/aggregate", as: "han", body: union, want: []string{"i1"}, forbid: none},
		{name: "$graphLookup: li", path: index + "/aggregate", as: "li", body: graph, want: secret},
		{name: "$graphLookup: han", path: index + "/aggregate", as: "han", body: graph, want: []string{`"found":[]`}, forbid: none},
		{name: "update: han", path: diary + "/update", as: "han", body: `{"filter":{"_id":"d1"},"update":{"$set":{"text":"defaced"}}}`, want: []string{`{"matched":0,"modified":0}`}},
		{name: "update many: han", path: diary + "/update", as: "han", body: `{"filter":{},"update":{"$set":{"text":"defaced"}},"multi":true}`, want: []string{`"matched":0`}},
		{name: "replace: han", path: diary + "/update", as: "han", body: `{"filter":{"_id":"d1"},"update":{"text":"defaced"}}`, want: []string{`"matched":0`}},
		{name: "upsert over it: han", path: diary + "/update", as: "han", body: `{"filter":{"_id":"d1"},"update":{"$set":{"text":"defaced"}},"upsert":true}`, status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "find and update: han", path: diary + "/findAndUpdate", as: "han", body: `{"filter":{"_id":"d1"},"update":{"$set":{"text":"defaced"}}}`, want: []string{`"document":null`}},
		{name: "find and delete: han", path: diary + "/findAndDelete", as: "han", body: `{"filter":{"_id":"d1"}}`, want: []string{`"document":null`}},
		{name: "insert over it: han", path: diary + "/insert", as: "han", body: `{"documents":[{"_id":"d1","text":"defaced"}]}`, status: 409, reason: yunduo.ReasonDuplicateKey},
		{name: "delete: han", path: diary + "/delete", as: "han", body: `{"filter":{"_id":"d1"}}`, want: []string{`{"deleted":0}`}},
		{name: "delete many: han", path: diary + "/delete", as: "han", body: `{"filter":{},"multi":true}`, want: []string{`{"deleted":0}`}},
		{name: "all is as it was", path: diary + "/find", as: "owner", body: `{}`, want: []string{`"_id":"d1"`, `"_id":"d2"`, "secret of li", `"_openid":"li"`}, forbid: []string{"defaced"}},
		{name: "update: li", path: diary + "/update", as: "li", body: `{"filter":{"_id":"d1"},"update":{"$set":{"text":"mine"}}}`, want: []string{`{"matched":1,"modified":1}`}},
		{name: "delete: li", path: diary + "/delete", as: "li", body: `{"filter":{"_id":"d1"}}`, want: []string{`{"deleted":1}`}},
	})
}

func TestUsers_CannotPretendToBeSomebodyElse(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "posts"))
	posts := "/v1/apps/{app}/documents/posts"
	check := exchange{path: posts + "/find", as: "owner", body: `{}`, want: []string{`"_openid":"han"`}, forbid: []string{`"_openid":"li"`}}
	w.insert(t, "han", "posts", `{"_id":"own"}`)
	for name, e := range map[string]exchange{
		"insert":       {path: posts + "/insert", body: `{"documents":[{"_id":"x","_openid":"li"}]}`},
		"update":       {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":{"$set":{"_openid":"li"}}}`},
		"rename":       {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":{"$set":{"a":"li"},"$rename":{"a":"_openid"}}}`},
		"unset":        {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":{"$unset":{"_openid":""}}}`},
		"replace":      {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":{"_openid":"li","b":1}}`},
		"upsert":       {path: posts + "/update", body: `{"filter":{"_id":"u","_openid":"li"},"update":{"$set":{"a":1}},"upsert":true}`},
		"setOnInsert":  {path: posts + "/update", body: `{"filter":{"_id":"v"},"update":{"$setOnInsert":{"_openid":"li"}},"upsert":true}`},
		"pipeline":     {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":[{"$set":{"_openid":"li"}}]}`},
		"replaceWith":  {path: posts + "/update", body: `{"filter":{"_id":"own"},"update":[{"$replaceWith":{"$literal":{"_openid":"li","b":1}}}]}`},
		"findAndWrite": {path: posts + "/findAndUpdate", body: `{"filter":{"_id":"own"},"update":{"$set":{"_openid":"li"}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			e.as = "han"
			r := w.send(t, e) // refused or without the claim: what counts is what is stored
			require.Less(t, r.status, 500, r.body)
			w.check(t, check)
		})
	}
	t.Run("headers of a proxy name nobody", func(t *testing.T) {
		w.deployMain(t, "who", "return cloud.getWXContext()")
		w.check(t, exchange{
			path: "/v1/apps/{app}/functions/who", as: "han", body: `{"userInfo":{"openId":"li"}}`, want: []string{`"OPENID":"han"`}, forbid: []string{`"li"`},
			header: map[string]string{"X-Wx-Openid": "li", "X-Forwarded-User": "li"},
		})
	})
}

func TestUsers_CannotReachEachOthersFiles(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	w.fill["file"] = w.upload(t, "li", "li/照片 1.txt", "text/plain", "picture of li")
	files := "/v1/apps/{app}/files"
	denied := []string{`"reason":"file_denied"`}
	w.run(t, []exchange{
		{name: "address: li", path: files + "/urls", as: "li", body: `{"files":[{"fileId":"{file}"}]}`, want: []string{`"url":"http`}},
		{name: "address: han", path: files + "/urls", as: "han", body: `{"files":[{"fileId":"{file}"}]}`, want: denied, forbid: []string{`"url"`}},
		{name: "description: li", path: files + "/stat", as: "li", body: `{"fileId":"{file}"}`, want: []string{`"size":13`}},
		{name: "description: han", path: files + "/stat", as: "han", body: `{"fileId":"{file}"}`, status: 403, reason: yunduo.ReasonFileDenied},
		{name: "list: li", path: files + "/list", as: "li", body: `{}`, want: []string{"照片 1.txt"}},
		{name: "list: han", path: files + "/list", as: "han", body: `{}`, want: []string{`{"files":[]}`}},
		{name: "list by prefix: han", path: files + "/list", as: "han", body: `{"prefix":"li/"}`, want: []string{`{"files":[]}`}},
		{name: "overwrite: han", path: files + "/grantUpload", as: "han", body: `{"path":"li/照片 1.txt"}`, status: 403, reason: yunduo.ReasonFileDenied},
		{name: "overwrite: li", path: files + "/grantUpload", as: "li", body: `{"path":"li/照片 1.txt"}`, want: []string{"url"}},
		{name: "delete: han", path: files + "/delete", as: "han", body: `{"fileIds":["{file}"]}`, want: denied},
		{name: "still there", path: files + "/stat", as: "li", body: `{"fileId":"{file}"}`, want: []string{`"size":13`}},
		{name: "delete: li", path: files + "/delete", as: "li", body: `{"fileIds":["{file}"]}`, forbid: []string{"error"}},
		{name: "gone", path: files + "/stat", as: "li", body: `{"fileId":"{file}"}`, status: 404, reason: yunduo.ReasonFileNotFound},
	})
}

func TestUsers_CannotUseEachOthersTransactions(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.user(t, "han")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "accounts"))
	var begun struct{ Transaction string }
	require.NoError(t, w.as(t, "li").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/documents/begin", nil, &begun))
	w.fill["transaction"] = begun.Transaction
	documents := "/v1/apps/{app}/documents"
	insert := `{"documents":[{"_id":"a"}],"transaction":"{transaction}"}`
	w.run(t, []exchange{
		{name: "insert: han", path: documents + "/accounts/insert", as: "han", body: insert, status: 404, reason: yunduo.ReasonTransactionNotFound},
		{name: "insert: li", path: documents + "/accounts/insert", as: "li", body: insert, want: []string{`["a"]`}},
		{name: "not seen before the commit", path: documents + "/accounts/count", as: "owner", body: `{}`, want: []string{`{"total":0}`}},
		{name: "commit: han", path: documents + "/commit", as: "han", body: `{"transaction":"{transaction}"}`, status: 404, reason: yunduo.ReasonTransactionNotFound},
		{name: "abort: han", path: documents + "/abort", as: "han", body: `{"transaction":"{transaction}"}`, status: 404, reason: yunduo.ReasonTransactionNotFound},
		{name: "commit: li", path: documents + "/commit", as: "li", body: `{"transaction":"{transaction}"}`},
		{name: "seen after the commit", path: documents + "/accounts/count", as: "owner", body: `{}`, want: []string{`{"total":1}`}},
	})
}

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/auth"
	"yunduo/server"
	"yunduo/wire"
)

// Pages read replies of the official SDKs' endpoints if their app lists the origin, and no others do.
func TestCORS_OfTheSDKEndpoints(t *testing.T) {
	p := start(t, nil)
	w, other := p.open(t), p.open(t)
	require.NoError(t, w.owner().Do(t.Context(), "PATCH", "/v1/manage/apps/"+string(w.app), map[string]any{"allowedOrigins": []string{"https://shop.example"}}, nil))
	w.user(t, "li")
	other.user(t, "han")
	w.tokens["han"] = other.tokens["han"]
	page, foreign := "https://shop.example", "https://evil.example"
	allowed := func(name string, e exchange, origin, want string) {
		t.Helper()
		if e.header == nil {
			e.header = map[string]string{}
		}
		e.header["Origin"] = origin
		require.Equal(t, want, w.send(t, e).header.Get("Access-Control-Allow-Origin"), name)
	}
	for _, path := range []string{"/v1/functions/f", "/v1/storages/delete-objects", rest + "c/documents", "/auth/v1/signin", "/web?env={app}"} {
		preflight := map[string]string{"Access-Control-Request-Method": "POST"}
		allowed("preflight "+path, exchange{method: "OPTIONS", path: path, header: preflight}, page, page)
		allowed("foreign preflight "+path, exchange{method: "OPTIONS", path: path, header: map[string]string{"Access-Control-Request-Method": "POST"}}, foreign, "")
	}
	for _, path := range []string{"/v1/functions/f", rest + "c/documents/remove"} {
		allowed("request "+path, exchange{path: path, as: "li"}, page, page)
		allowed("another app's request "+path, exchange{path: path, as: "han"}, page, "")
		allowed("foreign request "+path, exchange{path: path, as: "li"}, foreign, "")
	}
	allowed("sign-in", exchange{path: "/auth/v1/signin/anonymously?client_id={app}"}, page, page)
	allowed("sign-in to another app", exchange{path: "/auth/v1/signin/anonymously?client_id=" + string(other.app)}, page, "")
	allowed("our own API without an app", exchange{path: "/v1/manage/apps"}, page, "")
}

// An upload's authorization is for one file, for a while, and for whoever asked.
func TestUploads_OfTheSDKs(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	var info []struct {
		UploadURL, Authorization, Token, CloudObjectMeta, CloudObjectID string
		Code                                                            string
	}
	ask := func(body string) {
		t.Helper()
		r := w.check(t, exchange{path: "/v1/storages/get-objects-upload-info", as: "li", body: body})
		info = nil
		require.NoError(t, json.Unmarshal([]byte(r.body), &info))
	}
	put := func(authorization, meta, content string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, info[0].UploadURL, bytes.NewReader([]byte(content)))
		require.NoError(t, err)
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		request.Header.Set("x-cos-meta-fileid", meta)
		request.ContentLength = -1 // as node-sdk sends it
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	ask(`[{"objectId":"照片/a b.txt","signedHeader":{"content-length":["4"]}}]`)
	require.Equal(t, 403, put("", info[0].CloudObjectMeta, "text"))
	require.Equal(t, 403, put(info[0].Authorization+"x", info[0].CloudObjectMeta, "text"))
	require.Equal(t, 403, put(info[0].Authorization, "another", "text"))
	require.Equal(t, 413, put(info[0].Authorization, info[0].CloudObjectMeta, "texts"))
	require.Equal(t, 200, put(info[0].Authorization, info[0].CloudObjectMeta, "text"))
	header := http.Header{}
	form := func(fields ...string) int {
		t.Helper()
		var body bytes.Buffer
		writer := multipart.NewWriter(&body)
		for i := 0; i < len(fields); i += 2 {
			require.NoError(t, writer.WriteField(fields[i], fields[i+1]))
		}
		part, err := writer.CreateFormFile("file", "x")
		require.NoError(t, err)
		_, err = part.Write([]byte("form"))
		require.NoError(t, err)
		require.NoError(t, writer.Close())
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, info[0].UploadURL, &body)
		require.NoError(t, err)
		request.Header = header.Clone()
		request.Header.Set("Content-Type", writer.FormDataContentType())
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, 201, form("key", "a", "signature", info[0].Authorization, "x-cos-meta-fileid", info[0].CloudObjectMeta, "success_action_status", "201"))
	require.Equal(t, 200, form("Signature", info[0].Authorization))
	require.Equal(t, 403, form("key", "a"))
	require.Equal(t, 403, form("signature", info[0].Authorization, "x-cos-meta-fileid", "another"))
	require.Equal(t, 400, form("signature", strings.Repeat("x", 20<<10)))
	// Mini-programs send what they mean as PUT as a form, with the permission in a header.
	header = http.Header{"Authorization": {info[0].Authorization}, "X-Cos-Meta-Fileid": {info[0].CloudObjectMeta}}
	require.Equal(t, 204, form())
	header.Set("X-Cos-Meta-Fileid", "another")
	require.Equal(t, 403, form())
	header = http.Header{"Authorization": {info[0].Authorization + "x"}}
	require.Equal(t, 403, form())
	for _, path := range []string{"../escape", "a/../../b", "a\u0000b", "", strings.Repeat("x", 900)} {
		text, err := json.Marshal([]map[string]string{{"objectId": path}})
		require.NoError(t, err)
		ask(string(text))
		require.Equal(t, "INVALID_PARAM", info[0].Code, path)
	}
}

// What strangers send is refused in the words of the SDKs and leaks nothing.
func TestDialects_HostileRequests(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	other := shared.open(t)
	other.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.tokens["foreign"] = other.tokens["li"]
	w.tokens["none"] = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoib3duZXIiLCJzaWQiOiJ4Iiwic3ViIjoieCIsImF1ZCI6WyJ4Il19."
	w.fill["token"], w.fill["foreign"] = w.tokens["li"], w.tokens["foreign"]
	documents := rest + "notes/documents"
	w.run(t, []exchange{
		{name: "no token", method: "GET", path: documents, status: 401, code: "INVALID_REQUEST_SOURCE"},
		{name: "alg none", method: "GET", path: documents, as: "none", status: 401, code: "INVALID_REQUEST_SOURCE"},
		{name: "another app's token finds its own app", method: "GET", path: documents, as: "foreign", status: 404, code: "DATABASE_COLLECTION_NOT_EXIST"},
		{name: "another app's token on the web endpoint", path: "/web", body: `{"action":"database.queryDocument","env":"{app}","collectionName":"notes","access_token":"{foreign}"}`, code: "INVALIID_ENV"},
		{name: "filter that is no JSON", method: "GET", path: documents + "?query=%7B", as: "li", status: 400, code: "INVALID_PARAM"},
		{name: "unknown operator", method: "GET", path: documents + "?query=%7B%22%24where%22%3A%221%22%7D", as: "li", status: 400, code: "DATABASE_INVALID_OPERRATOR"},
		{name: "limit that is none", method: "GET", path: documents + "?limit=many", as: "li", status: 400, code: "INVALID_PARAM"},
		{name: "reserved collection", method: "GET", path: rest + "_collections/documents", as: "li", status: 400, code: "INVALID_PARAM"},
		{name: "reserved collection by $lookup", path: documents + "/aggregations", as: "li", body: `{"pipeline":[{"$lookup":{"from":"_collections","localField":"a","foreignField":"b","as":"x"}}]}`, status: 400, code: "INVALID_PARAM"},
		{name: "two stages in one", path: "/web", body: `{"action":"database.aggregate","env":"{app}","collectionName":"notes","access_token":"{token}","stages":[{"stageKey":"$limit","stageValue":"1,\"$out\":\"x\""}]}`, code: "DATABASE_REQUEST_FAILED"},
		{name: "owner's commands", path: "/v1/database/instances/(default)/databases/(default)/commands", as: "li", body: `{"commands":[{"drop":"notes"}]}`, status: 404, code: "INVALID_PARAM"},
		{name: "owner's collections", path: "/v1/database/instances/(default)/databases/(default)/collections", as: "li", body: `{"collectionName":"mine"}`, status: 403, code: "DATABASE_PERMISSION_DENIED"},
		{name: "another owner", path: documents, as: "li", body: `{"data":[{"_openid":"han"}]}`, status: 403, code: "DATABASE_PERMISSION_DENIED"},
		{name: "another's transaction", path: documents, as: "li", body: `{"data":[{}],"transactionId":"made-up"}`, status: 404, code: "DATABASE_REQUEST_FAILED"},
		{name: "no object", path: "/web", body: `[]`, code: "INVALID_PARAM"},
		{name: "unknown action", path: "/web", body: `{"action":"x\u0000y","env":"{app}","access_token":"{token}"}`, code: "INVALID_PARAM"},
		{name: "refresh by a made-up token (1)", path: "/web", body: `{"action":"auth.fetchAccessTokenWithRefreshToken","env":"{app}","refresh_token":"x"}`, code: "INVALID_REFRESH_TOKEN"},
		{name: "sign-in by nothing", path: "/auth/v1/signin?client_id={app}", body: `{}`, status: 400, signIn: "invalid_argument"},
		{name: "operators for a name", path: "/auth/v1/signin?client_id={app}", body: `{"username":{"$ne":""},"password":"Pw-12345678"}`, status: 400, signIn: "invalid_argument"},
		{name: "sudo without a session", path: "/auth/v1/user/sudo", body: `{"password":"x"}`, status: 401, signIn: "unauthenticated"},
		{name: "a forged sudo token", method: "PATCH", path: "/auth/v1/user/password", as: "li", body: `{"sudo_token":"{token}","new_password":"Pw-12345678"}`, status: 401, signIn: "invalid_username_or_password"},
		{name: "a forged provider token", path: "/auth/v1/signin/with/provider?client_id={app}", body: `{"provider_token":"{token}"}`, status: 401, signIn: "invalid_username_or_password"},
		{name: "a stranger's key", path: "/auth/v1/token/clientCredential", as: "li", status: 403, signIn: "permission_denied"},
	})
}

// The sign-in actions of js-sdk 1 that its own tests do not reach, with a server that keeps the codes.
func TestSignIn_ByActions(t *testing.T) {
	var sent []auth.Code
	p := start(t, func(c *server.Config) {
		c.CodeSender = auth.SenderFunc(func(_ context.Context, code auth.Code) error {
			sent = append(sent, code)
			return nil
		})
	})
	w := p.open(t)
	_, err := w.owner().CreateUser(t.Context(), "one", "Pw-12345678")
	require.NoError(t, err)
	act := func(body string) map[string]any {
		t.Helper()
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(w.check(t, exchange{path: "/web?env={app}", body: body}).body), &members))
		return members
	}
	in := act(`{"action":"auth.signIn","loginType":"USERNAME","username":"one","password":"Pw-12345678"}`)
	w.fill["refresh"] = in["refresh_token"].(string)
	for range 3 {
		again := act(`{"action":"auth.fetchAccessTokenWithRefreshToken","refresh_token":"{refresh}"}`)
		w.fill["access"] = again["access_token"].(string)
		require.Equal(t, float64(7200000), again["access_token_expire"])
	}
	info := act(`{"action":"auth.getUserInfo","access_token":"{access}"}`)["data"].(map[string]any)
	require.Equal(t, "one", info["username"])
	require.Equal(t, "USERNAME", info["loginType"])
	act(`{"action":"auth.updateUserInfo","access_token":"{access}","nickName":"小一"}`)
	require.Equal(t, "小一", act(`{"action":"auth.getUserInfo","access_token":"{access}"}`)["data"].(map[string]any)["nickName"])
	require.Nil(t, act(`{"action":"auth.updatePassword","access_token":"{access}","oldPassword":"Pw-12345678","newPassword":"Pw-87654321"}`)["code"])
	require.NotNil(t, act(`{"action":"auth.signIn","username":"one","password":"Pw-12345678"}`)["code"])
	act(`{"action":"auth.logout","refresh_token":"{refresh}"}`)
	require.Equal(t, "INVALID_REFRESH_TOKEN", act(`{"action":"auth.fetchAccessTokenWithRefreshToken","refresh_token":"{refresh}"}`)["code"])

	require.Nil(t, act(`{"action":"auth.sendPhoneCode","phoneNumber":"+86 13900000001"}`)["code"])
	w.fill["code"] = sent[len(sent)-1].Code
	require.NotNil(t, act(`{"action":"auth.signIn","loginType":"PHONE","phoneNumber":"+86 13900000001","phoneCode":"x"}`)["code"])
	up := act(`{"action":"auth.signIn","loginType":"PHONE","phoneNumber":"+86 13900000001","phoneCode":"{code}","password":"Pw-12345678","signMethod":"SIGNUP"}`)
	by := act(`{"action":"auth.signIn","loginType":"PHONE","phoneNumber":"13900000001","password":"Pw-12345678"}`)
	require.NotEmpty(t, up["uuid"])
	require.Equal(t, up["uuid"], by["uuid"])
	var key wire.TicketKey
	require.NoError(t, w.owner().Do(t.Context(), "POST", "/v1/manage/apps/"+string(w.app)+"/ticketKeys", nil, &key))
	require.Contains(t, key.PrivateKey, "RSA PRIVATE KEY")
	require.NotNil(t, act(`{"action":"auth.signInWithTicket","ticket":"x"}`)["code"])
	guest := act(`{"action":"auth.signInAnonymously"}`)
	w.fill["refresh"], w.fill["uuid"] = guest["refresh_token"].(string), guest["uuid"].(string)
	require.Equal(t, guest["uuid"], act(`{"action":"auth.signInAnonymously","anonymous_uuid":"{uuid}","refresh_token":"{refresh}"}`)["uuid"])
	require.NotEqual(t, guest["uuid"], act(`{"action":"auth.signInAnonymously","anonymous_uuid":"{uuid}"}`)["uuid"], "an ID proves nothing")
}

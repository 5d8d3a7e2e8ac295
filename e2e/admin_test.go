package e2e_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// adminReply is the body of every answer of the endpoint of the server SDKs.
type adminReply struct {
	RequestID     string
	Code, Message string
	TransactionID string
	Data          json.RawMessage
}

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

func seal(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sign signs a body's members as the server SDKs do.
func sign(t testing.TB, r *http.Request, keys wire.AppKeys, body []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		members = nil // a body that cannot be signed is sent with the signature of none
	}
	names, payload := []string{}, ""
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	listed := []string{}
	for _, name := range names {
		value := string(members[name])
		var text string
		if json.Unmarshal(members[name], &text) == nil {
			value = strings.TrimSpace(text)
		}
		if value == "" {
			continue
		}
		listed = append(listed, strings.ToLower(name))
		payload += "&" + strings.ToLower(name) + "=" + value + "\r\n"
	}
	now := time.Now().UTC()
	date, stamp := now.Format(time.DateOnly), fmt.Sprint(now.Unix())
	r.Header.Set("Content-Type", "application/json")
	canonical := "post\n//" + r.URL.Host + "/admin\n\ncontent-type:application/json\nhost:" + r.URL.Host + "\n\ncontent-type;host\n" + sum(payload)
	key := seal(seal(seal([]byte("TC3"+keys.SecretKey), date), "tcb"), "tc3_request")
	signature := hex.EncodeToString(seal(key, "TC3-HMAC-SHA256\n"+stamp+"\n"+date+"/tcb/tc3_request\n"+sum(canonical)))
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/tcb/tc3_request, SignedParams=%s, SignedHeaders=content-type;host, Signature=%s", keys.SecretID, date, strings.Join(listed, ";"), signature))
}

// admin sends a body to the endpoint, signed with the given keys.
func (w *world) admin(t testing.TB, keys wire.AppKeys, body string) (adminReply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/admin", strings.NewReader(body))
	require.NoError(t, err)
	sign(t, r, keys, []byte(body))
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(text))
	var a adminReply
	require.NoError(t, json.Unmarshal(text, &a), string(text))
	require.Equal(t, response.Header.Get("X-Request-Id"), a.RequestID)
	return a, string(text)
}

func TestAdmin_DoesWhatTheServerSDKsAsk(t *testing.T) {
	w := shared.open(t)
	w.user(t, "li")
	w.deployMain(t, "echo", "return { got: event.a, openid: cloud.getWXContext().OPENID || '' }")
	w.fill["file"] = w.upload(t, "li", "f.txt", "text/plain", "f")
	members := `"envName":"{app}","collectionName":"notes",`
	for _, step := range []struct{ name, body, want string }{
		{"create", `{"action":"database.addCollection","envName":"{app}","collectionName":"notes"}`, `"data":{}`},
		{"insert", `{"action":"database.insertDocument",` + members + `"data":["{\"_id\":\"n1\",\"n\":{\"$numberInt\":\"1\"}}","{\"_id\":\"n2\",\"n\":2}"]}`, `"insertedIds":["n1","n2"]`},
		{"find", `{"action":"database.getDocument",` + members + `"query":"{\"n\":{\"$gt\":1}}","queryType":"WHERE","limit":10}`, `"list":["{\"_id\":\"n2\",\"n\":2}"]`},
		{"count", `{"action":"database.calculateDocument",` + members + `"query":"{}"}`, `"total":2`},
		{"update", `{"action":"database.modifyDocument",` + members + `"query":"{\"_id\":\"n1\"}","data":"{\"$inc\":{\"n\":5}}","merge":true,"multi":false,"upsert":false}`, `"updated":1`},
		{"set creates", `{"action":"database.modifyDocument",` + members + `"query":"{\"_id\":\"n3\"}","data":"{\"n\":3}","merge":false,"multi":false,"upsert":true}`, `"upserted_id":"n3"`},
		{"update and return", `{"action":"database.modifyAndReturnDoc",` + members + `"query":"{\"_id\":\"n1\"}","data":"{\"$inc\":{\"n\":1}}"}`, `\"n\":7`},
		{"aggregate", `{"action":"database.aggregateDocuments",` + members + `"stages":[{"stageKey":"$group","stageValue":"{\"_id\":null,\"sum\":{\"$sum\":\"$n\"}}"}]}`, `\"sum\":12`},
		{"remove", `{"action":"database.removeDocument",` + members + `"query":"{\"_id\":\"n3\"}","multi":false}`, `"deleted":1`},
		{"call", `{"action":"functions.invokeFunction","envName":"{app}","function_name":"echo","request_data":"{\"a\":5}"}`, `\"got\":5`},
		{"upload", `{"action":"storage.getUploadMetadata","envName":"{app}","path":"g.txt"}`, `/v1/storages/objects`},
		{"address", `{"action":"storage.batchGetDownloadUrl","envName":"{app}","file_list":[{"fileid":"{file}","max_age":60}]}`, `"code":"SUCCESS"`},
		{"delete", `{"action":"storage.batchDeleteFile","envName":"{app}","fileid_list":["{file}"]}`, `"code":"SUCCESS"`},
		{"delete what has gone", `{"action":"storage.batchDeleteFile","envName":"{app}","fileid_list":["cloud://{app}.yunduo/none"]}`, `"fileID":"cloud://{app}.yunduo/none"`},
	} {
		t.Run(step.name, func(t *testing.T) {
			a, text := w.admin(t, w.keys, w.filled(step.body))
			require.Empty(t, a.Code, a.Message)
			require.Contains(t, text, w.filled(step.want))
		})
	}
}

func TestAdmin_RefusesWithTheCodesOfTheSDKs(t *testing.T) {
	a, b := shared.open(t), shared.open(t)
	a.fill["b"] = string(b.app)
	for name, c := range map[string]struct {
		keys       wire.AppKeys
		body, code string
	}{
		"another app's environment": {a.keys, `{"action":"database.getDocument","envName":"{b}","collectionName":"notes"}`, "INVALIID_ENV"},
		"wrong secret":              {wire.AppKeys{SecretID: a.keys.SecretID, SecretKey: b.keys.SecretKey}, `{"action":"database.getDocument","envName":"{app}"}`, "SIGN_PARAM_INVALID"},
		"unknown action":            {a.keys, `{"action":"database.explode","envName":"{app}"}`, "INVALID_PARAM"},
		"no action":                 {a.keys, `{}`, "INVALID_PARAM"},
		"malformed JSON":            {a.keys, `{"action":`, "INVALID_PARAM"},
		"no collection":             {a.keys, `{"action":"database.getDocument","envName":"{app}","collectionName":"none"}`, "DATABASE_COLLECTION_NOT_EXIST"},
		"no function":               {a.keys, `{"action":"functions.invokeFunction","envName":"{app}","function_name":"none","request_data":"{}"}`, "FUNCTIONS_REQUEST_FAIL"},
		"filter that is no EJSON":   {a.keys, `{"action":"database.getDocument","envName":"{app}","collectionName":"none","query":"{"}`, "INVALID_PARAM"},
		"wrong type":                {a.keys, `{"action":"database.getDocument","envName":"{app}","collectionName":7}`, "INVALID_PARAM"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := a.admin(t, c.keys, a.filled(c.body))
			require.Equal(t, c.code, r.Code, r.Message)
			require.NotEmpty(t, r.Message)
		})
	}
	t.Run("no signature", func(t *testing.T) {
		r := a.send(t, exchange{path: "/admin", body: `{"action":"database.getDocument"}`})
		require.Contains(t, r.body, "INVALID_REQUEST_SOURCE")
	})
	t.Run("a user's token is no key", func(t *testing.T) {
		a.user(t, "li")
		r := a.send(t, exchange{path: "/admin", as: "li", body: `{"action":"database.getDocument","envName":"{app}","collectionName":"notes"}`})
		require.Contains(t, r.body, `"code":"INVALID_REQUEST_SOURCE"`)
	})
	t.Run("an API key is", func(t *testing.T) {
		r := a.send(t, exchange{path: "/admin", as: "owner", body: `{"action":"database.addCollection","collectionName":"notes"}`})
		require.Contains(t, r.body, `"data":{}`)
		require.NotContains(t, r.body, `"code"`)
	})
}

// Whatever a holder of keys sends, the answer is an answer: nothing breaks and nothing leaks.
func FuzzAdmin(f *testing.F) {
	for _, seed := range []string{
		`{"action":"database.insertDocument","collectionName":"notes","data":["{\"a\":1}"]}`,
		`{"action":"database.getDocument","collectionName":"notes","query":"{\"$where\":\"1\"}","order":"[]","projection":"7","limit":-1}`,
		`{"action":"database.modifyDocument","collectionName":"notes","query":"{}","data":"[]","multi":true,"upsert":true}`,
		`{"action":"database.aggregateDocuments","collectionName":"notes","stages":[{"stageKey":"$group\"","stageValue":"}"}]}`,
		`{"action":"database.commitTransaction","transactionId":"x"}`,
		`{"action":"storage.batchGetDownloadUrl","file_list":[{"fileid":"cloud://"}]}`,
		`{"action":"storage.getUploadMetadata","path":"/../a"}`,
		`{"action":"functions.invokeFunction","function_name":"../x","request_data":"{"}`,
		`[]`, `null`, ``, `{"action":null,"ACTION":{}}`,
	} {
		f.Add(seed)
	}
	w := shared.open(f)
	require.NoError(f, w.owner().CreateCollection(f.Context(), "notes"))
	f.Fuzz(func(t *testing.T, body string) {
		a, text := w.admin(t, w.keys, body)
		require.NotContains(t, text, "goroutine ")
		require.NotContains(t, text, w.config.DataDir)
		require.NotEqual(t, "SYS_ERR", a.Code, "%s: %s", body, a.Message)
	})
}

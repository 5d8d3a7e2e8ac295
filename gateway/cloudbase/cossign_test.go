package cloudbase

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// The signatures here were made by @cloudbase/manager-node 5.6.5 and by the object store's SDK that it uses.
const (
	bodySignature   = "q-sign-algorithm=sha1&q-ak=AKID1&q-sign-time=1772582400;1772583300&q-key-time=1772582400;1772583300&q-header-list=content-type;user-agent;x-tcb-source&q-url-param-list=action;envname;file_list;timestamp&q-signature=ae8b08f6682b56fade3321a59321248a2ab54395"
	objectSignature = "q-sign-algorithm=sha1&q-ak=AKID1&q-sign-time=1772582400;1772583300&q-key-time=1772582400;1772583300&q-header-list=content-length;host;x-cos-meta-fileid&q-url-param-list=max-keys;prefix&q-signature=b32e01c6c23a8218e01e76ce6207b99962d65375"
	signedBody      = `{"file_list":[{"fileid":"cloud://a.b/图 1.txt","max_age":3600}],"action":"storage.batchGetDownloadUrl","envName":"shop","timestamp":1772582401000}`
)

var cosTime = time.Unix(1772582500, 0)

func bodyRequest(t *testing.T) (*http.Request, bodyMembers) {
	r := httptest.NewRequest(http.MethodPost, "/admin", nil)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "cloudbase-manager-node/0.1.0")
	r.Header.Set("X-TCB-Source", "cloudbase-manager-node, not-scf")
	body := bodyMembers{}
	require.NoError(t, json.Unmarshal([]byte(signedBody), &body))
	return r, body
}

type bodyMembers = map[string]json.RawMessage

func judgeMembers(r *http.Request, body bodyMembers, signature string, at time.Time) error {
	a, err := parseCOS(signature)
	if err != nil {
		return err
	}
	return a.verifyMembers(r, "yds_1", paramsOf(body), at)
}

func TestCOS_Members(t *testing.T) {
	r, body := bodyRequest(t)
	body["authorization"], body["sessionToken"] = json.RawMessage(`"x"`), json.RawMessage(`""`)
	require.NoError(t, judgeMembers(r, body, bodySignature, cosTime))
	for name, change := range map[string]func(r *http.Request, body bodyMembers){
		"a value":              func(_ *http.Request, body bodyMembers) { body["envName"] = json.RawMessage(`"other"`) },
		"inside a value":       func(_ *http.Request, body bodyMembers) { body["file_list"] = json.RawMessage(`[]`) },
		"an unsigned member":   func(_ *http.Request, body bodyMembers) { body["parse"] = json.RawMessage(`true`) },
		"a second spelling":    func(_ *http.Request, body bodyMembers) { body["ENVNAME"] = json.RawMessage(`"shop"`) },
		"a value removed":      func(_ *http.Request, body bodyMembers) { delete(body, "timestamp") },
		"a header":             func(r *http.Request, _ bodyMembers) { r.Header.Set("User-Agent", "x") },
		"the path":             func(r *http.Request, _ bodyMembers) { r.URL.Path = "/web" },
		"the method":           func(r *http.Request, _ bodyMembers) { r.Method = http.MethodPut },
		"another member there": func(_ *http.Request, body bodyMembers) { body["collectionName"] = json.RawMessage(`"notes"`) },
	} {
		r, body := bodyRequest(t)
		change(r, body)
		require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(judgeMembers(r, body, bodySignature, cosTime)), name)
	}
	for name, signature := range map[string]string{
		"another key":       strings.Replace(bodySignature, "q-signature=a", "q-signature=b", 1),
		"a longer time":     strings.ReplaceAll(bodySignature, "1772583300", "1772593300"),
		"two times":         strings.Replace(bodySignature, "q-key-time=1772582400", "q-key-time=1772582401", 1),
		"no time":           strings.ReplaceAll(bodySignature, "1772582400;1772583300", ""),
		"fewer members":     strings.Replace(bodySignature, ";timestamp", "", 1),
		"a field twice":     bodySignature + "&q-ak=AKID2",
		"another algorithm": strings.Replace(bodySignature, "sha1", "none", 1),
		"no signature":      strings.Replace(bodySignature, "q-signature", "q-nothing", 1),
	} {
		r, body := bodyRequest(t)
		require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(judgeMembers(r, body, signature, cosTime)), name)
	}
	for _, at := range []time.Time{time.Unix(1772583301, 0), time.Unix(1772582400, 0).Add(-signatureSkew - time.Second)} {
		r, body := bodyRequest(t)
		require.Error(t, judgeMembers(r, body, bodySignature, at))
	}
}

func TestCOS_Object(t *testing.T) {
	request := func() *http.Request {
		r := httptest.NewRequest(http.MethodPut, "/cos/yunduo-1250000000/docs/x?max-keys=100&prefix=docs/%E5%9B%BE", strings.NewReader("content"))
		r.Header.Set(originalHost, "yunduo-1250000000.cos.ap-shanghai.tencentcos.cn")
		r.Header.Set("X-Cos-Meta-Fileid", "cloud%3A%2F%2Fa")
		return r
	}
	judge := func(r *http.Request, path string) error {
		a, err := parseCOS(objectSignature)
		require.NoError(t, err)
		return a.verify("yds_1", r.Method, path, r.URL.Query().Get, signedHeader(r), cosTime)
	}
	const path = "/docs/图 1 (a)'.txt"
	require.NoError(t, judge(request(), path))
	require.Error(t, judge(request(), "/docs/2.txt"))
	r := request()
	r.Header.Set(originalHost, "other.cos.ap-shanghai.tencentcos.cn")
	require.Error(t, judge(r, path))
	r = request()
	r.URL.RawQuery = "max-keys=100&prefix="
	require.Error(t, judge(r, path))
}

func FuzzParseCOS(f *testing.F) {
	f.Add(bodySignature, signedBody)
	f.Add(objectSignature, `{"a":null}`)
	f.Add("q-sign-algorithm=sha1&q-ak=&q-signature=%zz&q-header-list=%zz;;", `{"a":{"b":[]}}`)
	f.Fuzz(func(t *testing.T, signature, body string) {
		members := bodyMembers{}
		if json.Unmarshal([]byte(body), &members) != nil {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/admin", nil)
		if err := judgeMembers(r, members, signature, cosTime); err == nil || yunduo.ReasonOf(err) != yunduo.ReasonSignatureInvalid {
			t.Fatalf("%v", err)
		}
	})
}

// What is not signed could have been added on the way, and what comes twice could be read another way than it was signed.
func TestCOS_AllParametersAreSigned(t *testing.T) {
	a := &cosAuthorization{params: []string{"uploadid", "part%4eumber", "max-keys"}}
	params, err := a.allParams(url.Values{"uploadId": {"u"}, "partNumber": {"1"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"uploadid": "u", "partnumber": "1"}, params)
	for name, query := range map[string]url.Values{
		"not signed":    {"uploadId": {"u"}, "delete": {""}},
		"twice":         {"uploadId": {"u", "v"}},
		"two spellings": {"uploadId": {"u"}, "uploadid": {"v"}},
	} {
		_, err := a.allParams(query)
		require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(err), name)
	}
}

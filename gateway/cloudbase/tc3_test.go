package cloudbase

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
)

// signedAt is the time at which the tests' requests are signed.
var signedAt = time.Date(2026, 3, 4, 23, 59, 30, 0, time.UTC)

const tc3Secret = "secret-key-of-the-app"

// signing is how a client signs; its zero value is the newest server SDK's way. The text it signs is written out here
// from the protocol's description, apart from the code under test.
type signing struct {
	method      string   // as it is signed; "post" unless given
	url         string   // as it is signed
	params      []string // names and JSON texts by turns, in the order signed
	listEmpty   bool     // old signers list empty strings and hash them
	headers     []string // names signed
	contentType string
	query       string
}

func hexOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func keyed(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return string(h.Sum(nil))
}

// request makes the signed request and its body's members.
func (s signing) request(t testing.TB) (*http.Request, map[string]json.RawMessage) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://Api.Example:7300/admin", nil)
	r.URL.RawQuery = s.query
	r.Header.Set("Content-Type", "application/json")
	if s.contentType != "" {
		r.Header.Set("Content-Type", s.contentType)
	}
	r.Header.Set("X-TCB-Source", " WX,Unknown ")
	r.Header.Set("X-Timestamp", fmt.Sprint(signedAt.Unix()))
	if s.method == "" {
		s.method = "post"
	}
	if s.url == "" {
		s.url = "//Api.Example:7300/admin"
	}
	if s.headers == nil {
		s.headers = []string{"content-type", "host", "x-tcb-source"}
	}
	known := map[string]string{"content-type": "application/json", "host": "api.example:7300", "x-tcb-source": "wx,unknown"}
	if s.contentType != "" {
		known["content-type"] = s.contentType
		if strings.HasPrefix(s.contentType, "multipart/") {
			known["content-type"] = "multipart/form-data"
		}
	}
	lines := ""
	for _, name := range s.headers {
		lines += name + ":" + known[name] + "\n"
	}
	body, names, payload := map[string]json.RawMessage{}, []string{}, ""
	for i := 0; i < len(s.params); i += 2 {
		name, text := s.params[i], s.params[i+1]
		body[name] = json.RawMessage(text)
		var value string
		if json.Unmarshal([]byte(text), &value) == nil {
			text = strings.TrimSpace(value)
		}
		if text == "" && !s.listEmpty {
			continue
		}
		names = append(names, strings.ToLower(name))
		payload += "&" + strings.ToLower(name) + "=" + text + "\r\n"
	}
	canonical := strings.Join([]string{s.method, s.url, s.query, lines, strings.Join(s.headers, ";"), hexOf(payload)}, "\n")
	toSign := strings.Join([]string{"TC3-HMAC-SHA256", fmt.Sprint(signedAt.Unix()), "2026-03-04/tcb/tc3_request", hexOf(canonical)}, "\n")
	key := keyed(keyed(keyed("TC3"+tc3Secret, "2026-03-04"), "tcb"), "tc3_request")
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=AKID/2026-03-04/tcb/tc3_request, SignedParams=%s, SignedHeaders=%s, Signature=%x",
		strings.Join(names, ";"), strings.Join(s.headers, ";"), keyed(key, toSign)))
	return r, body
}

// judge verifies a request as the surface does.
func judge(r *http.Request, body map[string]json.RawMessage, now time.Time) error {
	a, err := parseTC3(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	return a.verify(r, tc3Secret, paramsOf(body), now)
}

func paramsOf(body map[string]json.RawMessage) params {
	var p params
	for name, value := range body {
		p = append(p, member{name, value})
	}
	return p
}

var plain = []string{"action", `"database.getDocument"`, "envName", `" shop "`, "limit", `10`, "query", `"{\"a\":1}"`, "nested", `{"b": [1,  2]}`, "multi", `true`}

func TestTC3_AcceptsWhatTheSDKsSend(t *testing.T) {
	empty := append([]string{"transactionId", `""`, "blank", `"  "`}, plain...)
	for name, s := range map[string]signing{
		"newest":                       {params: plain},
		"empty strings left out":       {params: empty},
		"empty strings hashed":         {params: empty, listEmpty: true},
		"method in capitals":           {params: plain, method: "POST"},
		"query that begins with &":     {params: plain, query: "&eventId=e1&seqId=s1"},
		"query":                        {params: plain, query: "eventId=e1"},
		"no parameters":                {},
		"one header":                   {params: plain, headers: []string{"host"}},
		"case of content types counts": {params: plain, contentType: "application/json; charset=UTF-8"},
		"null":                         {params: []string{"a", `null`}},
	} {
		t.Run(name, func(t *testing.T) {
			r, body := s.request(t)
			require.NoError(t, judge(r, body, signedAt))
		})
	}
	t.Run("query signed without its &", func(t *testing.T) {
		r, body := signing{params: plain, query: "eventId=e1"}.request(t)
		r.URL.RawQuery = "&eventId=e1"
		require.NoError(t, judge(r, body, signedAt))
	})
	t.Run("what SDKs add after signing", func(t *testing.T) {
		r, body := signing{params: plain}.request(t)
		body["sdk_version"], body["sessionToken"], body["wxCloudApiToken"] = json.RawMessage(`"1.23.0"`), json.RawMessage(`"t"`), json.RawMessage(`""`)
		require.NoError(t, judge(r, body, signedAt))
	})
	t.Run("clocks that differ a little", func(t *testing.T) {
		r, body := signing{params: plain}.request(t)
		for _, skew := range []time.Duration{-15 * time.Minute, -time.Minute, time.Minute, 15 * time.Minute} {
			require.NoError(t, judge(r, body, signedAt.Add(skew)))
		}
	})
}

func TestTC3_RefusesWhatWasChanged(t *testing.T) {
	for name, change := range map[string]func(r *http.Request, body map[string]json.RawMessage){
		"a value":         func(_ *http.Request, body map[string]json.RawMessage) { body["query"] = json.RawMessage(`"{}"`) },
		"a number":        func(_ *http.Request, body map[string]json.RawMessage) { body["limit"] = json.RawMessage(`11`) },
		"a number's type": func(_ *http.Request, body map[string]json.RawMessage) { body["multi"] = json.RawMessage(`1`) },
		"a space inside a value": func(_ *http.Request, body map[string]json.RawMessage) {
			body["nested"] = json.RawMessage(`{"b":[1,2]}`)
		},
		"a member added": func(_ *http.Request, body map[string]json.RawMessage) {
			body["projection"] = json.RawMessage(`"{}"`)
		},
		"a value removed":   func(_ *http.Request, body map[string]json.RawMessage) { delete(body, "query") },
		"a value emptied":   func(_ *http.Request, body map[string]json.RawMessage) { body["query"] = json.RawMessage(`""`) },
		"a second spelling": func(_ *http.Request, body map[string]json.RawMessage) { body["QUERY"] = json.RawMessage(`"{}"`) },
		"a second spelling moved in": func(_ *http.Request, body map[string]json.RawMessage) {
			body["Action"], body["action"] = body["action"], json.RawMessage(`"database.removeDocument"`)
		},
		"a signed header":  func(r *http.Request, _ map[string]json.RawMessage) { r.Header.Set("X-TCB-Source", "other") },
		"the content type": func(r *http.Request, _ map[string]json.RawMessage) { r.Header.Set("Content-Type", "text/plain") },
		"the host":         func(r *http.Request, _ map[string]json.RawMessage) { r.Host = "other.example:7300" },
		"the path":         func(r *http.Request, _ map[string]json.RawMessage) { r.URL.Path = "/web" },
		"the query":        func(r *http.Request, _ map[string]json.RawMessage) { r.URL.RawQuery = "a=1" },
		"the method":       func(r *http.Request, _ map[string]json.RawMessage) { r.Method = http.MethodPut },
		"the time": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("X-Timestamp", fmt.Sprint(signedAt.Unix()+1))
		},
		"no time":           func(r *http.Request, _ map[string]json.RawMessage) { r.Header.Del("X-Timestamp") },
		"time that is none": func(r *http.Request, _ map[string]json.RawMessage) { r.Header.Set("X-Timestamp", "now") },
		"the list of parameters": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";query", "", 1))
		},
		"the list of headers": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "content-type;", "", 1))
		},
		"the day": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "2026-03-04", "2026-03-05", 1))
		},
		"the service": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/tcb/", "/cos/", 1))
		},
		"no headers": func(r *http.Request, _ map[string]json.RawMessage) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "content-type;host;x-tcb-source", "", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, body := signing{params: plain}.request(t)
			require.NoError(t, judge(r, body, signedAt))
			change(r, body)
			require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(judge(r, body, signedAt)))
		})
	}
	t.Run("a member twice", func(t *testing.T) {
		r, body := signing{params: plain}.request(t)
		a, err := parseTC3(r.Header.Get("Authorization"))
		require.NoError(t, err)
		for _, name := range []string{"query", "QUERY", "\u017fession"} {
			p := append(paramsOf(body), member{name, json.RawMessage(`"{}"`)})
			require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(a.verify(r, tc3Secret, p, signedAt)), name)
		}
	})
	t.Run("another key", func(t *testing.T) {
		r, body := signing{params: plain}.request(t)
		a, err := parseTC3(r.Header.Get("Authorization"))
		require.NoError(t, err)
		require.Error(t, a.verify(r, "another", paramsOf(body), signedAt))
	})
	t.Run("too old or too new", func(t *testing.T) {
		r, body := signing{params: plain}.request(t)
		for _, skew := range []time.Duration{-16 * time.Minute, 16 * time.Minute, 24 * time.Hour} {
			require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(judge(r, body, signedAt.Add(skew))))
		}
	})
}

func TestParseTC3_RefusesOtherForms(t *testing.T) {
	signature := strings.Repeat("a", 64)
	for _, header := range []string{
		"", "TC3-HMAC-SHA256", "TC3-HMAC-SHA256 ", "Basic YTpi", "TC3-HMAC-SHA256 Credential", "TC3-HMAC-SHA256 Credential=a",
		"TC3-HMAC-SHA256 Credential=/2026-03-04/tcb/tc3_request, SignedHeaders=host, Signature=" + signature,
		"TC3-HMAC-SHA256 Credential=a/2026-03-04/tcb/other, SignedHeaders=host, Signature=" + signature,
		"TC3-HMAC-SHA256 Credential=a/2026-03-04/tcb/tc3_request, SignedHeaders=host, Signature=" + signature[1:],
		"TC3-HMAC-SHA256 Credential=a/2026-03-04/tcb/tc3_request, SignedHeaders=host, Signature=" + strings.Repeat("z", 64),
		"TC3-HMAC-SHA256 Credential=a/2026-03-04/tcb/tc3_request, SignedHeaders=host",
		"tc3-hmac-sha256 Credential=a/2026-03-04/tcb/tc3_request, SignedHeaders=host, Signature=" + signature,
	} {
		_, err := parseTC3(header)
		require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(err), header)
	}
}

// No Authorization header breaks the parser, and none that was made without the key is accepted.
func FuzzParseTC3(f *testing.F) {
	r, _ := signing{params: plain}.request(f)
	good := r.Header.Get("Authorization")
	f.Add(good, `{"a":1}`)
	f.Add("TC3-HMAC-SHA256 Credential=a/b/c/tc3_request,SignedParams=;;,SignedHeaders=;;,Signature="+strings.Repeat("0", 64), `{}`)
	f.Add("TC3-HMAC-SHA256 =,=,=", `{"":""}`)
	f.Fuzz(func(t *testing.T, header, text string) {
		a, err := parseTC3(header)
		if err != nil {
			require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(err))
			return
		}
		if p, err := membersOf([]byte(text)); err == nil {
			require.Error(t, a.verify(r, "a key that signed nothing", p, signedAt))
		}
	})
}

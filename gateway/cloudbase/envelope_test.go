package cloudbase

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"yunduo"
)

// What wx-server-sdk 3.0.4 sends for openapi.security.imgSecCheck and getOpenData.
func TestParseEnvelope(t *testing.T) {
	content := appendBytes(appendBytes(nil, 1, []byte("content")), 2, []byte(`"你好"`))
	media := appendBytes(appendBytes(appendBytes(appendBytes(nil, 1, []byte("media")), 2, []byte{0xff, 0}), 3, []byte("image/png")), 4, []byte("media.png"))
	message := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kindOpenAPI)
	message = appendBytes(message, 2, appendBytes(appendBytes(nil, 1, content), 1, media))
	message = appendBytes(message, 6, []byte("wx1"))
	e, err := parseEnvelope(message)
	require.NoError(t, err)
	require.Equal(t, &envelope{pairs: []pair{{key: "content", value: []byte(`"你好"`)}, {"media", []byte{0xff, 0}, "image/png", "media.png"}}}, e)
	require.False(t, e.pairs[0].file())
	require.True(t, e.pairs[1].file())

	service := appendBytes(appendBytes(nil, 1, []byte("ApiGetOpenDataByCloudId")), 2, appendBytes(appendBytes(nil, 2, []byte("a")), 2, []byte("b")))
	e, err = parseEnvelope(appendBytes(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kindService), 4, service))
	require.NoError(t, err)
	require.EqualValues(t, kindService, e.kind)
	require.Equal(t, "ApiGetOpenDataByCloudId", e.service)
	ids, err := repeated(e.request, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, ids)

	for _, broken := range [][]byte{message[:len(message)-1], {0x08}, {0x12, 0xff}, bytes.Repeat([]byte{0xff}, 12), appendBytes(nil, 2, []byte{0x0a})} {
		_, err := parseEnvelope(broken)
		require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err))
	}
}

func TestAnswerEnvelope(t *testing.T) {
	body, err := openedEnvelope([]json.RawMessage{[]byte(`{"cloudID":"a","data":{}}`)})
	require.NoError(t, err)
	require.Equal(t, "0a1e0a01611219"+hex.EncodeToString([]byte(`{"cloudID":"a","data":{}}`)), hex.EncodeToString(body))
	require.Equal(t, "0a0178"+"1204"+hex.EncodeToString([]byte("a/bc"))+"20c801", hex.EncodeToString(answerEnvelope("a/bc", []byte("x"))))
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add(appendBytes(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2), 4, appendBytes(nil, 1, []byte("x"))))
	f.Add(appendBytes(nil, 2, appendBytes(nil, 1, appendBytes(nil, 2, []byte("{}")))))
	f.Add([]byte{0x0b, 0x0b, 0x0c, 0x0c})
	f.Fuzz(func(t *testing.T, message []byte) {
		e, err := parseEnvelope(message)
		if err != nil {
			if yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest {
				t.Fatal(err)
			}
			return
		}
		size := 0
		for _, p := range e.pairs {
			size += len(p.value)
		}
		if size > len(message) {
			t.Fatal("more came out than went in")
		}
		if _, err := repeated(e.request, 2); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest {
			t.Fatal(err)
		}
	})
}

// signedForm is a form as the server SDKs send and sign it, with names and values by turns.
func signedForm(t testing.TB, values ...string) (*http.Request, map[string][]byte) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	var names, payload []string
	for i := 0; i < len(values); i += 2 {
		require.NoError(t, w.WriteField(values[i], values[i+1]))
		key := strings.ToLower(values[i])
		names = append(names, key)
		if values[i+1] != "" || binaryPart(key) {
			payload = append(payload, "&"+key+"="+values[i+1]+"\r\n")
		}
	}
	require.NoError(t, w.Close())
	r := httptest.NewRequest(http.MethodPost, "http://api.example:7300/admin", nil)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("X-Timestamp", fmt.Sprint(signedAt.Unix()))
	canonical := "post\n//api.example:7300/admin\n\ncontent-type:multipart/form-data\nhost:api.example:7300\n\ncontent-type;host\n" + hexOf(strings.Join(payload, ""))
	scope := "2026-03-04/tcb/tc3_request"
	toSign := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s\n%s", signedAt.Unix(), scope, hexOf(canonical))
	key := keyed(keyed(keyed("TC3"+tc3Secret, "2026-03-04"), "tcb"), "tc3_request")
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=AKID1/%s, SignedParams=%s, SignedHeaders=content-type;host, Signature=%x",
		scope, strings.Join(names, ";"), keyed(key, toSign)))
	parts, err := formParts(w.FormDataContentType(), body.Bytes())
	require.NoError(t, err)
	return r, parts
}

func judgeForm(r *http.Request, parts map[string][]byte) error {
	a, err := parseTC3(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	return a.verifyForm(r, tc3Secret, parts, signedAt)
}

func TestTC3_Forms(t *testing.T) {
	form := []string{"action", "wx.openApi", "apiName", "security.msgSecCheck", "requestData", " \xff\x00 ", "apiOptions", "", "cgiName", ""}
	r, parts := signedForm(t, form...)
	require.NoError(t, judgeForm(r, parts))
	for name, change := range map[string]func(parts map[string][]byte){
		"the name":        func(parts map[string][]byte) { parts["apiName"] = []byte("wxacode.get") },
		"the action":      func(parts map[string][]byte) { parts["action"] = []byte("wx.wxPayApi") },
		"the data":        func(parts map[string][]byte) { parts["requestData"] = []byte("\xff\x00") },
		"another part":    func(parts map[string][]byte) { parts["envName"] = []byte("other") },
		"two spellings":   func(parts map[string][]byte) { parts["ACTION"] = parts["action"] },
		"a part that was": func(parts map[string][]byte) { delete(parts, "apiOptions"); parts["requestData"] = nil },
	} {
		r, parts := signedForm(t, form...)
		change(parts)
		require.Equal(t, yunduo.ReasonSignatureInvalid, yunduo.ReasonOf(judgeForm(r, parts)), name)
	}
}

func FuzzFormParts(f *testing.F) {
	f.Add("multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n"))
	f.Add("multipart/form-data", []byte("--b"))
	f.Add("multipart/form-data; boundary=b", bytes.Repeat([]byte("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"), 70))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		parts, err := formParts(contentType, body)
		if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest || len(parts) > maxFormParts {
			t.Fatal(len(parts), err)
		}
	})
}

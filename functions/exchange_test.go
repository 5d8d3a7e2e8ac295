package functions_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions"
)

func reply(headers, body string) []byte {
	return []byte("HTTP/1.1 200 OK\r\n" + headers + "\r\n\r\n" + body)
}

// What a person has to keep to himself is in no part of an exchange that tells by a name what it is; what has nothing such
// stays as it was.
func TestTapeExchange(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(`{"token":"t0p","n": 1}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, c := range map[string]struct{ headers, body, text, left string }{
		"json as it is":  {"Content-Type: application/json", `{"b": 1.50, "a": "云"}`, `{"b": 1.50, "a": "云"}`, ""},
		"secret json":    {"Content-Type: text/plain", `{"b":1,"apiKey":"t0p"}`, `{"apiKey":"[redacted]","b":1}`, ""},
		"said twice":     {"Content-Type: application/json", `{"a":{"token":"t0p"},"b":[{}], "a":1}`, `{"a":1,"b":[{}]}`, ""},
		"deep json":      {"Content-Type: application/json", `[{"a":[{"b":"token"}], "c":{"d":"x"}}, "secret"]`, `[{"a":[{"b":"token"}], "c":{"d":"x"}}, "secret"]`, ""},
		"zipped twice":   {"Content-Encoding: gzip\r\nContent-Encoding: gzip", zipped.String(), "", "it is compressed as gzip, gzip, which is not read here"},
		"no json":        {"Content-Type: application/json", `{"apiKey":"t0p"`, "", "it says that it is JSON, and is not"},
		"form":           {"Content-Type: application/x-www-form-urlencoded", "a=1&pass%77ord=t0p&b=%20", "a=1&pass%77ord=[redacted]&b=%20", ""},
		"events":         {"Content-Type: text/event-stream", "event: x\ndata: {\"token\":\"t0p\"}\n\ndata: {half\n", "event: x\ndata: {\"token\":\"[redacted]\"}\n\ndata: {half\n", ""},
		"parts":          {"Content-Type: multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"secret\"\r\n\r\nt0p\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n", "--B\r\nContent-Disposition: form-data; name=\"secret\"\r\n\r\n[redacted]\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--B--\r\n", ""},
		"damaged parts":  {"Content-Type: multipart/form-data; boundary=B", "--B\r\nt0p", "", "its parts cannot be told apart"},
		"gzip":           {"Content-Encoding: gzip", zipped.String(), `{"n":1,"token":"[redacted]"}`, ""},
		"no gzip":        {"Content-Encoding: gzip", "t0p", "", "it says that it is compressed as gzip, and is not"},
		"brotli":         {"Content-Encoding: br", "t0p", "", "it is compressed as br, which is not read here"},
		"cut":            {"Content-Length: 9", "t0p", "", "it ended before it was whole"},
		"nothing":        {"Content-Length: 0", "", "", ""},
		"early hints":    {"Link: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1", "1", "1", ""},
		"cookie":         {"Set-Cookie: t0p\r\nContent-Length: 1", "1", "1", ""},
		"where to go on": {"Location: /x?code=1&token=t0p#access_token=t0p\r\nContent-Length: 1", "1", "1", ""},
	} {
		sent := "GET /a%20b?q=1&access_token=t0p HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t0p\r\nX-Api-Key: t0p\r\n\r\n"
		got := reply(c.headers, c.body)
		if name == "early hints" {
			got = bytes.Replace(got, []byte("200 OK"), []byte("103 Early Hints"), 1)
		}
		e := functions.NewTapeExchange([]byte(sent), got)
		require.Equal(t, "/a%20b?q=1&access_token=[redacted]", e.Request.Target, name)
		require.Equal(t, []string{"[redacted]"}, e.Request.Headers["Authorization"], name)
		require.Equal(t, 200, e.Response.Status, name)
		require.Equal(t, c.text, string(e.Response.Body()), name)
		require.Equal(t, c.left, e.Response.Left, name)
		require.Empty(t, e.Unkept, name)
		for _, values := range [][]string{e.Request.Headers["X-Api-Key"], e.Response.Headers["Set-Cookie"], e.Response.Headers["Location"]} {
			require.NotContains(t, strings.Join(values, ","), "t0p", name)
		}
	}
	require.NotEmpty(t, functions.NewTapeExchange([]byte("GET / HTTP/1.1\r\n\r\n"), reply("Content-Encoding: br", "x")).Response.Digest)
	require.Nil(t, functions.NewTapeExchange([]byte("GET"), nil))
	require.Nil(t, functions.NewTapeExchange([]byte("GET / HTTP/1.1\r\n\r\n"), []byte("nonsense")).Response)
}

// What the request keeps secret is hidden wherever the code repeats it.
func TestTapeExchange_Repeated(t *testing.T) {
	for kind, body := range map[string]string{
		"application/json":                  `{"user":{"password":["hunter2!"]},"pin":1}`,
		"application/x-ndjson":              "{\"pin\":1}\n{\"password\":\"hunter2!\"}\n",
		"application/x-www-form-urlencoded": "a=1&password=hunter2%21",
		"multipart/form-data; boundary=B":   "--B\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2!\r\n--B--\r\n",
	} {
		sent := "POST /?token=query-secret HTTP/1.1\r\nHost: x\r\nCookie: sid=cookie-secret\r\nContent-Type: " + kind + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
		e := functions.NewTapeExchange([]byte(sent), reply("X-A: query-secret", `{"a":"it was hunter2! of cookie-secret"}`))
		require.Equal(t, `{"a":"it was [redacted] of [redacted]"}`, e.Response.Text, kind)
		require.Equal(t, []string{"[redacted]"}, e.Response.Headers["X-A"], kind)
		require.NotContains(t, e.Request.Text, "hunter2", kind)
	}
}

// So is a password that code had to decode, and nothing at all is kept where there is too much to look for.
func TestTapeExchange_RepeatedOtherwise(t *testing.T) {
	request := func(headers, body string) []byte {
		return []byte("POST / HTTP/1.1\r\nHost: x\r\n" + headers + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	}
	e := functions.NewTapeExchange(request("Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("li:hunter2!")), ""), reply("X-A: 1", "hello hunter2!"))
	require.Equal(t, "hello [redacted]", e.Response.Text)
	var many []string
	for n := range 1001 {
		many = append(many, strconv.Itoa(100_000+n))
	}
	e = functions.NewTapeExchange(request("X-A: 1", `{"token":["`+strings.Join(many[:1000], `","`)+`"]}`), reply("X-A: 1", "hello 100001"))
	require.Equal(t, "hello [redacted]", e.Response.Text)
	e = functions.NewTapeExchange(request("X-A: 1", `{"token":["`+strings.Join(many, `","`)+`"]}`), reply("X-A: 1", "hello 100001"))
	require.Equal(t, &functions.TapeExchange{Unkept: "the request: it holds more secrets than are looked for elsewhere"}, e)
}

// What could not be looked through is in no part of it.
func TestTapeExchange_Cut(t *testing.T) {
	e := functions.NewCutTapeExchange([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), reply("Content-Type: text/plain", `{"token":"t0p","a":`))
	require.Equal(t, functions.TapeBody{Left: "it is larger than is kept"}, e.Response.TapeBody)
	e = functions.NewTapeExchange([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"password\":\"hunter2!\""), reply("X-A: 1", "hello hunter2!"))
	require.NotEmpty(t, e.Unkept)
	require.Equal(t, functions.TapeBody{Left: "it may repeat what is in the body of the request, which is not kept"}, e.Response.TapeBody)
}

// A request is made again as it was.
func TestTapeRequest_Write(t *testing.T) {
	for _, sent := range []string{
		"GET /a%2Fb?x=%20 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nUser-Agent: u\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
		"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\x00\xff",
	} {
		first := functions.NewTapeExchange([]byte(sent), nil)
		var again bytes.Buffer
		require.NoError(t, first.Request.Write(&again))
		require.Equal(t, first, functions.NewTapeExchange(again.Bytes(), nil), again.String())
	}
}

func FuzzTapeExchange(f *testing.F) {
	f.Add([]byte("POST /?token=x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), reply("Content-Type: multipart/form-data; boundary=B", "--B\r\n\r\n--B--"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), reply("Content-Encoding: deflate", "x"))
	f.Fuzz(func(t *testing.T, sent, received []byte) {
		e := functions.NewTapeExchange(sent, received)
		if e == nil {
			return
		}
		for name, values := range e.Request.Headers {
			if strings.EqualFold(name, "Authorization") {
				require.Equal(t, "[redacted]", values[0])
			}
		}
		var again bytes.Buffer
		if e.Unkept == "" && e.Request.Write(&again) == nil {
			require.NotEmpty(t, again.Bytes())
		}
	})
}

package exchange_test

import (
	"bytes"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// Whatever is sent as an upload form, it is read or refused, and never more of it is kept than allowed.
func FuzzFormFile(f *testing.F) {
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	f.Add([]byte(part("signature", "t") + part("file", "content") + "--b--\r\n"))
	f.Add([]byte(part("file", "")))
	f.Add([]byte(strings.Repeat(part("x", "y"), 70)))
	f.Add([]byte(part("x", strings.Repeat("y", 20<<10))))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"\r\n\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		request := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		fields, file, err := exchange.FormFile(echo.New().NewContext(request, httptest.NewRecorder()))
		if err != nil {
			if yunduo.ReasonOf(err) != yunduo.ReasonInvalidRequest {
				t.Fatal(err)
			}
			return
		}
		if len(fields) > 64 {
			t.Fatal(len(fields))
		}
		if _, err := io.Copy(io.Discard, file); err != nil && file == nil {
			t.Fatal(err)
		}
	})
}

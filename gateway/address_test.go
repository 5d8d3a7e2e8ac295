package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"yunduo"
)

func TestClientAddress_IsNotTheClientsChoice(t *testing.T) {
	g, _ := open(t, nil)
	g.echo.GET("/test/address", func(c echo.Context) error { return c.String(http.StatusOK, c.RealIP()) })
	for _, test := range []struct{ name, peer, forwarded, real, want string }{
		{"no proxy", "203.0.113.9:1000", "", "", "203.0.113.9"},
		{"a stranger claims an address", "203.0.113.9:1000", "198.51.100.1", "198.51.100.1", "203.0.113.9"},
		{"a proxy on this machine", "127.0.0.1:1000", "203.0.113.9", "", "203.0.113.9"},
		{"a proxy in the private network", "10.0.0.2:1000", "203.0.113.9", "", "203.0.113.9"},
		{"a claim passed on by a proxy", "10.0.0.2:1000", "198.51.100.1, 203.0.113.9", "198.51.100.1", "203.0.113.9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/test/address", nil)
			r.RemoteAddr = test.peer
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			if test.real != "" {
				r.Header.Set("X-Real-Ip", test.real)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, r)
			require.Equal(t, test.want, w.Body.String())
		})
	}
}

func TestDev_AnswersToThisMachineOnly(t *testing.T) {
	dev, _ := open(t, func(o *Options) { o.Dev = true })
	production, _ := open(t, nil)
	for host, local := range map[string]bool{
		"127.0.0.1:7300": true, "localhost": true, "LOCALHOST:7300": true, "shop.localhost:7300": true, "[::1]:7300": true, "[::1]": true, "127.9.9.9": true,
		"rebound.example:7300": false, "192.168.1.4:7300": false, "localhost.example": false, "": false,
	} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = host
		w := httptest.NewRecorder()
		dev.ServeHTTP(w, r)
		if local {
			require.Equal(t, http.StatusOK, w.Code, host)
		} else {
			requireReason(t, http.StatusForbidden, yunduo.ReasonPermissionDenied, w)
		}
		w = httptest.NewRecorder()
		production.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, host)
	}
}

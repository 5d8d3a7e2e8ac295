package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"yunduo"
	"yunduo/api"
	"yunduo/functions"
)

// Functions that bring the vendor's SDKs along call the platform over HTTP at its own address, where a sandbox must not
// lead: the listener there trusts what comes from this machine. Their connections end at a door instead, behind which
// there are the endpoints of those SDKs and no more.

// door is a listener whose connections come from functions.
type door struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func newDoor() *door {
	d := &door{conns: make(chan net.Conn), ended: make(chan struct{})}
	d.end = sync.OnceFunc(func() { close(d.ended) })
	return d
}

// serve takes a connection.
func (d *door) serve(conn net.Conn) {
	select {
	case d.conns <- conn:
	case <-d.ended:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.conns:
		return conn, nil
	case <-d.ended:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.end()
	return nil
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return &net.TCPAddr{} }

// maxHeaders is how many bytes the headers of a request may have: they are kept while they come, whoever sends them.
const maxHeaders = 64 << 10

// behindDoor are the paths that functions may call; a trailing slash stands for all below.
var behindDoor = []string{"/admin", "/web", "/auth/v1/", "/v1/"}

// open lets functions in to the endpoints of the SDKs, until the returned function is called.
func (d *door) open(handler http.Handler, logger *slog.Logger) func(context.Context) error {
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: maxHeaders, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.ContainsFunc(behindDoor, func(p string) bool {
				return r.URL.Path == p || strings.HasSuffix(p, "/") && strings.HasPrefix(r.URL.Path, p)
			}) {
				http.NotFound(w, r)
				return
			}
			// Whoever calls is no proxy, and has no address of its own.
			for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-Ip"} {
				r.Header.Del(name)
			}
			r.RemoteAddr = "0.0.0.0:0"
			handler.ServeHTTP(w, r)
		}),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(d); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			logger.Error("functions that use the official SDKs cannot reach the server any more", "error", err)
		}
	}()
	return func(context.Context) error {
		d.end()
		err := server.Close()
		<-done
		return err
	}
}

// isHere reports whether an address is that of this server's listener.
func (s *Server) isHere(address netip.AddrPort) bool {
	own, err := netip.ParseAddrPort(s.listener.Addr().String())
	if err != nil || own.Port() != address.Port() {
		return false
	}
	a := address.Addr().Unmap()
	if a.IsLoopback() || a == own.Addr().Unmap() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addresses, func(n net.Addr) bool {
		prefix, err := netip.ParsePrefix(n.String())
		return err == nil && prefix.Addr().Unmap() == a
	})
}

// credentials are what the official SDKs read from the environment of a function: the endpoint, and a key with which
// they sign as the caller of this invocation.
func (s *Server) credentials(ctx context.Context, caller yunduo.Caller, life time.Duration) (functions.Credentials, error) {
	key, err := s.rooms.Auth.TemporaryKey(caller, api.BaseURL(ctx), life)
	if err != nil {
		return functions.Credentials{}, err
	}
	env := map[string]string{
		"TCB_CONTEXT_CNFG":       `{"URL":` + strconv.Quote(s.localURL()+"/admin") + `}`,
		"TENCENTCLOUD_SECRETID":  key.SecretID,
		"TENCENTCLOUD_SECRETKEY": key.SecretKey, "TENCENTCLOUD_SESSIONTOKEN": key.Token,
	}
	end := func(after time.Duration) { s.rooms.Auth.EndTemporaryKey(key.SecretID, after) }
	return functions.Credentials{Env: env, End: end}, nil
}

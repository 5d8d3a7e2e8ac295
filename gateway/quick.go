package gateway

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/cloudbase"
	"yunduo/gateway/exchange"
	"yunduo/gateway/fastlane"
)

// invokeRoute is the one route that is quick: calls of functions, most of which take less time than a request's way
// through router and middleware.
const invokeRoute = "/v1/apps/:app/functions/:name"

// quick calls functions without router and middleware, by whatever protocol. It takes only requests of which these would make nothing: what
// it does not know it leaves to them, and what it answers is what they would have answered.
type quick struct {
	gateway  *Gateway
	options  Options
	dialects *cloudbase.Quick
}

var _ fastlane.Quick = (*quick)(nil)

// Quick answers requests for which the handler would take longer than their work.
func (g *Gateway) Quick() fastlane.Quick { return g.quick }

// Takes implements fastlane.Quick.
func (q *quick) Takes(path string, begun []byte) bool {
	_, _, ok := invoked(path)
	return ok || q.dialects.Takes(path, begun)
}

// invoked returns the function that a path calls.
func invoked(path string) (app yunduo.AppID, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v1/apps/")
	if !ok {
		return "", "", false
	}
	before, rest, _ := strings.Cut(rest, "/")
	name, ok = strings.CutPrefix(rest, "functions/")
	if !ok || before == "" || name == "" || strings.Contains(name, "/") {
		return "", "", false
	}
	return yunduo.AppID(before), name, true
}

// indifferent are headers of which the gateway makes nothing, and those that quickCall is made of. Others, such as those
// of a page of another origin or of a proxy, go the ordinary way.
var indifferent = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Authorization": true, "Cache-Control": true, "Connection": true,
	"Content-Length": true, "Content-Type": true, "Referer": true, "User-Agent": true, "X-Device-Id": true, echo.HeaderXRequestID: true,
}

// quickCall is what path and headers of a request say.
type quickCall struct {
	api.Call
	name      string
	token     string
	ip        string
	requestID string // of the client, empty if it has none
	lines     []byte // of the reply, up to the request ID
}

const quickLines = "Cache-Control: no-store\r\nContent-Type: application/json; charset=utf-8\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "

// read makes a call of a request; nil if it has to go the ordinary way.
func (q *quick) read(x *fastlane.Exchange) *quickCall {
	app, name, ok := invoked(x.Path())
	if !ok || !x.Plain() {
		return nil
	}
	r := http.Request{Host: x.Host(), RemoteAddr: x.Remote(), Header: http.Header{}}
	x.Headers(func(name, value string) bool {
		r.Header.Add(name, value)
		ok = indifferent[name]
		return ok
	})
	if !ok || q.options.Dev && !namesLoopback(r.Host) {
		return nil
	}
	c := &quickCall{name: name, token: exchange.Bearer(&r), lines: []byte(quickLines)}
	c.App, c.BaseURL, c.Device, c.Task = app, exchange.BaseURL(&r, q.options.PublicURL), exchange.Device(&r), x.Task()
	c.ip = q.gateway.echo.IPExtractor(&r)
	if id := r.Header.Get(echo.HeaderXRequestID); acceptableRequestID(id) {
		c.requestID = id
	}
	return c
}

// Serve implements fastlane.Quick.
func (q *quick) Serve(x *fastlane.Exchange) bool {
	if _, _, ok := invoked(x.Path()); !ok {
		return q.serveDialect(x)
	}
	call, _ := x.Memo.(*quickCall)
	if !x.Unchanged || call == nil {
		if call = q.read(x); call == nil {
			return false
		}
		x.Memo = call
	}
	start := time.Now()
	m := q.gateway.metrics
	m.running.Inc()
	defer m.running.Dec()
	id := call.requestID
	if id == "" {
		id = yunduo.NewName()
	}
	ctx := yunduo.WithArrival(x.Context(), yunduo.Arrival{RequestID: id, Received: start})
	status := http.StatusOK
	if response, err := q.invoke(ctx, call, x.Body); err != nil {
		status = q.fail(ctx, x, id, invokeRoute, err, start, exchange.Fail)
	} else {
		lines := append(call.lines[:len(quickLines)], id...)
		call.lines = append(lines, "\r\n"...)
		x.Answer(call.lines, response)
	}
	m.observe(http.MethodPost, invokeRoute, status, time.Since(start))
	return true
}

func (q *quick) invoke(ctx context.Context, from *quickCall, event []byte) (response json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(q.options.Logger, yunduo.RequestID(ctx), p)
		}
	}()
	call := &from.Call // one request at a time is answered on a connection, and nobody keeps it
	call.Caller = yunduo.Caller{ClientIP: from.ip}
	if from.token != "" {
		caller, err := q.options.Rooms.Auth.Authenticate(ctx, call.App, from.token)
		if err != nil {
			return nil, err
		}
		caller.ClientIP = from.ip
		if caller.InvocationID != "" { // a function, whose own invocation takes note of its calls
			call = &api.Call{App: call.App, BaseURL: call.BaseURL, Device: call.Device, Task: call.Task}
		}
		call.Caller = caller
	}
	return q.options.API.Invoke(ctx, call, from.name, event)
}

// fail answers with an error as the ordinary way does, which is by answer, and returns the status.
func (q *quick) fail(ctx context.Context, x *fastlane.Exchange, id, route string, err error, start time.Time, answer func(echo.Context, error) error) int {
	w, r := x.HTTP(ctx)
	c := q.gateway.echo.AcquireContext()
	defer q.gateway.echo.ReleaseContext(c)
	c.Reset(r, w)
	c.SetPath(route)
	w.Header().Set(echo.HeaderXRequestID, id)
	setSecurityHeaders(w.Header())
	_ = answer(c, err) // the client has gone
	logFailure(q.options.Logger, c, c.Response().Status, err, time.Since(start))
	return c.Response().Status
}

// namesLoopback reports whether a Host header names this machine.
func namesLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return isLoopback(strings.Trim(host, "[]"))
}

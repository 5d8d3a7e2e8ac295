package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/cloudbase"
	"yunduo/gateway/fastlane"
)

// indifferentToDialects are headers of the official SDKs of which the gateway makes nothing either, unless they are
// signed.
var indifferentToDialects = map[string]bool{
	"Sec-Fetch-Mode": true, "X-Client-Timestamp": true, "X-Sdk-Version": true, "X-Seqid": true, "X-Signature-Expires": true,
	"X-Tcb-App-Source": true, "X-Tcb-Region": true, "X-Tcb-Route-Key": true, "X-Tcb-Source": true, "X-Tcb-Tracelog": true, "X-Timestamp": true,
}

// quickHead is what the requests of a client have in common as long as it sends the same head.
type quickHead struct {
	cloudbase.Head
	requestID string // of the client, empty if it has none
	lines     []byte // of the reply
}

// head makes a request of a head; nil if it has to go the ordinary way. last is that of the request before on the
// connection, if there is one.
func (q *quick) head(x *fastlane.Exchange, last *quickHead) *quickHead {
	r := &http.Request{Method: http.MethodPost, URL: x.URL(), Host: x.Host(), RemoteAddr: x.Remote(), Header: make(http.Header, 8)}
	known := r.URL.RawPath == ""
	values := make([]string, 0, 8)
	x.Headers(func(name, value string) bool {
		if earlier := r.Header[name]; earlier != nil {
			r.Header[name] = append(earlier[:len(earlier):len(earlier)], value)
		} else {
			values = append(values, value)
			r.Header[name] = values[len(values)-1 : len(values) : len(values)]
		}
		known = known && (indifferent[name] || indifferentToDialects[name])
		return known
	})
	if !known {
		return nil
	}
	h := &quickHead{Head: cloudbase.Head{HTTP: r}}
	if last != nil && last.HTTP.Host == r.Host { // no header that is known says who the client is
		h.IP, h.lines = last.IP, last.lines
	} else {
		if q.options.Dev && !namesLoopback(r.Host) {
			return nil
		}
		h.IP, h.lines = q.gateway.echo.IPExtractor(r), []byte(quickLines)
	}
	if id := r.Header.Get(echo.HeaderXRequestID); acceptableRequestID(id) {
		h.requestID = id
	}
	return h
}

// serveDialect answers a call of a function that came in the protocol of the official SDKs.
func (q *quick) serveDialect(x *fastlane.Exchange) bool {
	head, _ := x.Memo.(*quickHead)
	if !x.Unchanged || head == nil {
		if head = q.head(x, head); head == nil {
			return false
		}
		x.Memo = head
	}
	start := time.Now()
	id := head.requestID
	if id == "" {
		id = yunduo.NewName()
	}
	ctx := yunduo.WithArrival(x.Context(), yunduo.Arrival{RequestID: id, Received: start})
	call, ok := q.dialects.Read(ctx, &head.Head, x.Body)
	if !ok {
		return false
	}
	m := q.gateway.metrics
	m.running.Inc()
	defer m.running.Dec()
	status := http.StatusOK
	if response, err := q.do(ctx, call); err != nil {
		status = q.fail(ctx, x, id, call.Route, err, start, call.Fail)
	} else {
		lines := append(head.lines[:len(quickLines)], id...)
		head.lines = append(lines, "\r\n"...)
		x.Answer(head.lines, response)
	}
	m.observe(http.MethodPost, call.Route, status, time.Since(start))
	return true
}

func (q *quick) do(ctx context.Context, call cloudbase.Call) (response []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(q.options.Logger, yunduo.RequestID(ctx), p)
		}
	}()
	return call.Do(ctx)
}

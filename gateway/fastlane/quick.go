package fastlane

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"yunduo/internal/eventloop"
)

// Quick answers requests without the types of net/http, to which most of the time of a short request would go. Its
// answers must be those of the ordinary handler.
type Quick interface {
	// Takes reports whether a request for a path may be quick; begun is what has come of its body. The handlers of such
	// requests, the ordinary one too, should seldom block but for eventloop.Task.Park.
	Takes(path string, begun []byte) bool
	// Serve answers a request, or does nothing and returns false: the ordinary handler gets it then.
	Serve(x *Exchange) bool
}

// Exchange is a request and the means to answer it. It is used for every request of its connection in turn, and is not
// to be used when Serve has returned.
type Exchange struct {
	c      *connection
	served bool // the last request was answered by Serve

	// Body has come whole. It belongs to who serves.
	Body []byte
	// Unchanged says that path, query and headers are those of the last request that Serve has answered on this
	// connection, but for the length of the body.
	Unchanged bool
	// Memo is for who serves, to remember what path and headers mean while they are Unchanged.
	Memo any
}

// Path is the unescaped path of the request.
func (x *Exchange) Path() string { return x.c.parser.url.Path }

// URL is the address of the request, which must not be changed.
func (x *Exchange) URL() *url.URL { return x.c.parser.url }

// Plain reports whether the address is a path without escapes and without a query.
func (x *Exchange) Plain() bool {
	u := x.c.parser.url
	return u.RawPath == "" && u.Path == x.c.parser.target
}

// Host is the Host header.
func (x *Exchange) Host() string { return x.c.parser.host }

// Remote is the address of the client, with its port.
func (x *Exchange) Remote() string { return x.c.remote }

// Headers calls f for each header but Host, its name in canonical form, until f returns false.
func (x *Exchange) Headers(f func(name, value string) bool) {
	for i := range x.c.parser.lines[:x.c.parser.count] {
		if l := &x.c.parser.lines[i]; l.name != "Host" && !f(l.name, l.value) {
			return
		}
	}
}

// Context ends with the connection, or when the client goes away.
func (x *Exchange) Context() context.Context { return x.c.base }

// Task is the coroutine that serves.
func (x *Exchange) Task() *eventloop.Task { return x.c.task }

// Answer sends status 200 with a body. lines are whole header lines, which must not be about date, length or
// connection.
func (x *Exchange) Answer(lines, body []byte) {
	w := &x.c.response
	w.status, w.sent = http.StatusOK, true
	out := append(w.out[:0], "HTTP/1.1 200 OK\r\n"...)
	out = append(out, lines...)
	out = append(out, "Date: "...)
	out = append(out, date()...)
	out = append(out, "\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(body)), 10)
	if w.last = x.c.server.closing.Load(); w.last {
		out = append(out, "\r\nConnection: close"...)
	}
	out = append(out, "\r\n\r\n"...)
	w.out = append(out, body...)
	w.write()
}

// HTTP returns request and answer as net/http has them, for what happens seldom.
func (x *Exchange) HTTP(ctx context.Context) (http.ResponseWriter, *http.Request) {
	return &x.c.response, x.c.request(ctx, x.Body, true)
}

package functions

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// TapeExchange is the HTTP exchange that an invocation was: the request as the code was given it, and its reply.
type TapeExchange struct {
	Request  TapeRequest   `json:"request"`
	Response *TapeResponse `json:"response,omitempty"` // nil if there was none
	// Unkept says why the exchange cannot be made again; empty if it can.
	Unkept string `json:"unkept,omitempty"`
}

// TapeRequest is a request to code.
type TapeRequest struct {
	Method  string      `json:"method"`
	Target  string      `json:"target"` // path and query
	Host    string      `json:"host"`
	Headers http.Header `json:"headers,omitempty"`
	Chunked bool        `json:"chunked,omitempty"` // the body came without its size
	TapeBody
}

// TapeResponse is a reply of code.
type TapeResponse struct {
	Status  int         `json:"status"`
	Headers http.Header `json:"headers,omitempty"`
	TapeBody
}

// TapeBody is a body, before it was compressed.
type TapeBody struct {
	Text  string `json:"text,omitempty"`
	Bytes []byte `json:"bytes,omitempty"` // if it is no text
	// Left says why the body is not kept; empty if it is.
	Left string `json:"left,omitempty"`
	// Digest is the SHA-256 of a body that is not kept because nobody here can read it.
	Digest string `json:"digest,omitempty"`
}

// Body returns the bytes of the body.
func (b *TapeBody) Body() []byte {
	if b.Bytes != nil {
		return b.Bytes
	}
	return []byte(b.Text)
}

// Why something of an exchange is not kept.
const (
	leftLarge   = "it is larger than is kept"
	leftCut     = "it ended before it was whole"
	leftSecret  = "it says that it is JSON, and is not"
	leftUpgrade = "the exchange became one of another protocol: "
	leftRepeats = "it may repeat what is in the body of the request, which is not kept"
	leftSecrets = "it holds more secrets than are looked for elsewhere"
)

// NewTapeExchange makes what is recorded of the bytes of an exchange: nil if there was no request.
func NewTapeExchange(sent, received []byte) *TapeExchange {
	b := taped{sent: sent, received: received}
	hide, ok := b.hiding(func(s string) string { return s })
	return b.exchange(hide, ok)
}

// taped are the bytes of an exchange, and whether there were more of them.
type taped struct {
	sent, received         []byte
	sentMore, receivedMore bool
}

const (
	minHidden = 6    // how long a value must be to be looked for elsewhere
	maxHidden = 1000 // how many are looked for: strangers may send any number, and each takes memory
)

// hiding adds what is secret in the request to what is hidden: code may repeat it elsewhere. If that is too much to look
// for, everything is hidden, and ok is false.
func (b taped) hiding(hide func(string) string) (more func(string) string, ok bool) {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b.sent)))
	if err != nil {
		return hide, true
	}
	var values []string
	for name, list := range request.Header {
		if secretName.MatchString(name) {
			values = append(values, list...)
		}
	}
	for _, value := range slices.Clone(values) {
		if _, credentials, ok := strings.Cut(value, " "); ok {
			values = append(values, credentials)
		}
	}
	if _, password, ok := request.BasicAuth(); ok {
		values = append(values, password)
	}
	for _, cookie := range request.Cookies() {
		values = append(values, cookie.Value)
	}
	values = append(values, secretPairs(request.URL.RawQuery)...)
	if body, err := io.ReadAll(request.Body); err == nil {
		if body, err = expanded(body, encodingOf(request.Header)); err == nil {
			kind, parameters, _ := mime.ParseMediaType(request.Header.Get("Content-Type"))
			values = append(values, secretsIn(body, kind, parameters["boundary"])...)
		}
	}
	values = slices.DeleteFunc(values, func(v string) bool { return len(v) < minHidden || v == redacted })
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	values = slices.Compact(values)
	switch {
	case len(values) == 0:
		return hide, true
	case len(values) > maxHidden:
		return func(string) string { return redacted }, false
	}
	var pairs []string
	for _, value := range values {
		pairs = append(pairs, value, redacted)
	}
	known := strings.NewReplacer(pairs...)
	return func(text string) string { return hide(known.Replace(text)) }, true
}

// exchange reads the bytes and takes out what is secret, if all that is known.
func (b taped) exchange(hide func(string) string, known bool) *TapeExchange {
	if !known {
		return &TapeExchange{Unkept: "the request: " + leftSecrets}
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b.sent)))
	if err != nil {
		if !b.sentMore {
			return nil
		}
		return &TapeExchange{Unkept: "the request: " + leftLarge}
	}
	e := &TapeExchange{Request: TapeRequest{
		Method: request.Method, Target: cleanURL(request.RequestURI, hide), Host: hide(request.Host),
		Headers: cleanHeaders(request.Header, hide), Chunked: len(request.TransferEncoding) > 0,
	}}
	e.Request.TapeBody = cleanBody(request.Body, request.Header, b.sentMore, hide)
	if e.Request.Left != "" {
		e.Unkept = "the body of the request: " + e.Request.Left
	}
	replies := bufio.NewReader(bytes.NewReader(b.received))
	for {
		response, err := http.ReadResponse(replies, request)
		if err != nil { // what came was no reply
			return e
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			e.Unkept = leftUpgrade + response.Header.Get("Upgrade")
		} else if response.StatusCode < 200 {
			continue // what comes before the reply
		}
		e.Response = &TapeResponse{Status: response.StatusCode, Headers: cleanHeaders(response.Header, hide)}
		switch {
		case response.StatusCode == http.StatusSwitchingProtocols:
		case e.Request.Left != "":
			e.Response.TapeBody = TapeBody{Left: leftRepeats}
		default:
			e.Response.TapeBody = cleanBody(response.Body, response.Header, b.receivedMore, hide)
		}
		response.Body.Close()
		return e
	}
}

// shrink leaves the bodies out, which are larger as JSON than they were.
func (e *TapeExchange) shrink() {
	e.Request.TapeBody, e.Unkept = TapeBody{Left: leftLarge}, "the body of the request: "+leftLarge
	if e.Response != nil {
		e.Response.TapeBody = TapeBody{Left: leftLarge}
	}
}

// Write writes the request as it was. Values that were secret have their stand-ins.
func (r *TapeRequest) Write(w io.Writer) error {
	target, err := url.ParseRequestURI(r.Target)
	if err != nil {
		return err
	}
	body, err := compressed(r.Body(), encodingOf(r.Headers))
	if err != nil {
		return err
	}
	request := &http.Request{Method: r.Method, URL: target, Host: r.Host, Header: r.Headers.Clone(), Close: true, ContentLength: int64(len(body))}
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header["User-Agent"] = []string{""} // and not that of Go
	}
	if request.Body = io.NopCloser(bytes.NewReader(body)); len(body) == 0 {
		request.Body = http.NoBody
	}
	if r.Chunked {
		request.TransferEncoding, request.ContentLength = []string{"chunked"}, -1
	}
	return request.Write(w)
}

// keepSent and keepReceived take bytes of an exchange. The recording's mutex is held.
func (t *taping) keepSent(p []byte) {
	if t.raw.sentMore = t.raw.sentMore || t.bytes+len(p) > maxTapeBytes; !t.raw.sentMore {
		t.bytes += len(p)
		t.raw.sent = append(t.raw.sent, p...)
	}
}

func (t *taping) keepReceived(p []byte) {
	if t.raw.receivedMore = t.raw.receivedMore || t.bytes+len(p) > maxTapeBytes; !t.raw.receivedMore {
		t.bytes += len(p)
		t.raw.received = append(t.raw.received, p...)
	}
}

// tapedConn is a connection to code whose bytes are recorded. The record is whole when the invocation has ended and
// the connection is closed: either may come first.
type tapedConn struct {
	net.Conn
	recording *recording
	closing   sync.Once
}

// half keeps the record when it is called for the second time.
func (r *recording) half() {
	if r.taping.halves.Add(1) == 2 {
		r.keepTape(nil)
	}
}

func (c *tapedConn) Write(p []byte) (int, error) {
	c.recording.mu.Lock()
	c.recording.taping.keepSent(p)
	c.recording.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tapedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.recording.mu.Lock()
	c.recording.taping.keepReceived(p[:n])
	c.recording.mu.Unlock()
	return n, err
}

func (c *tapedConn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(c.recording.half)
	return err
}

package fastlane

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxHeld is how many bytes of an answer are held back to be written together, with their length.
const maxHeld = 64 << 10

// response writes the answer to one request: whole, with its length, if it is short and nobody asks to flush it; else
// in chunks. It is used for every request of its connection in turn.
type response struct {
	c       *connection
	header  http.Header
	held    []byte // body that has not been written
	out     []byte // spare bytes for writing
	status  int    // 0 until it is decided
	sent    bool   // the head is on its way
	chunked bool
	left    int64 // of the length that the handler has announced; -1 if it has announced none
	last    bool  // the connection ends after this answer, which says so
	excess  bool  // the handler wrote more than it had announced
	err     error
}

var (
	_ http.ResponseWriter = (*response)(nil)
	_ http.Flusher        = (*response)(nil)
)

func (w *response) init(c *connection) {
	w.c, w.header = c, http.Header{}
}

func (w *response) begin() {
	clear(w.header)
	if cap(w.held) > maxHeld {
		w.held = nil
	}
	if cap(w.out) > 2*maxHeld {
		w.out = nil
	}
	w.held, w.status, w.sent, w.chunked, w.left, w.last, w.excess, w.err = w.held[:0], 0, false, false, -1, false, false, nil
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. Informational answers are left out.
func (w *response) WriteHeader(status int) {
	if w.status != 0 || status < 200 || status > 999 {
		return
	}
	w.status = status
	if text := w.header.Get("Content-Length"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			w.header.Del("Content-Length")
			return
		}
		w.left = n
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.err != nil:
		return 0, w.err
	case !hasBody(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.left >= 0:
		if int64(len(p)) > w.left {
			w.excess = true
			return 0, http.ErrContentLength
		}
		w.left -= int64(len(p))
	}
	w.held = append(w.held, p...)
	if len(w.held) >= maxHeld {
		w.send(false)
	}
	return len(p), w.err
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush implements http.Flusher.
func (w *response) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.send(false)
}

// SetWriteDeadline lets handlers bound how long their clients may take.
func (w *response) SetWriteDeadline(at time.Time) error { return w.c.conn.SetWriteDeadline(at) }

// SetReadDeadline does nothing: the body of a request is here before its handler runs.
func (w *response) SetReadDeadline(time.Time) error { return nil }

// finish writes what is left of the answer.
func (w *response) finish() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	w.send(true)
	if w.err == nil && (w.left > 0 || w.excess) {
		w.err = errors.New("the handler did not write what it had announced")
	}
	return w.err
}

// send writes the head, unless that has happened, and the held part of the body.
func (w *response) send(whole bool) {
	if w.err != nil {
		return
	}
	out := w.out[:0]
	if !w.sent {
		w.sent = true
		out = w.appendHead(out, whole)
	}
	switch {
	case !w.chunked:
		out = append(out, w.held...)
	case len(w.held) > 0:
		out = strconv.AppendUint(out, uint64(len(w.held)), 16)
		out = append(out, "\r\n"...)
		out = append(out, w.held...)
		out = append(out, "\r\n"...)
	}
	if w.chunked && whole {
		out = append(out, "0\r\n\r\n"...)
	}
	w.held, w.out = w.held[:0], out
	if len(out) > 0 {
		w.write()
	}
}

// write writes what is in out.
func (w *response) write() {
	if len(w.out) > maxHeld && w.c.task != nil {
		w.c.task.Leave() // the client may take its time
	}
	_, w.err = w.c.conn.Write(w.out)
}

// appendHead appends status line and headers and decides how the end of the body shows.
func (w *response) appendHead(dst []byte, whole bool) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(w.status), 10)
	dst = append(dst, ' ')
	dst = append(dst, http.StatusText(w.status)...)
	dst = append(dst, "\r\n"...)
	w.last = w.c.server.closing.Load()
	for name, values := range w.header {
		switch name {
		case "Connection":
			w.last = w.last || len(values) > 0 && strings.EqualFold(values[0], "close")
			continue
		case "Transfer-Encoding":
			continue
		case "Content-Length":
			if !hasBody(w.status) {
				continue
			}
		}
		if !validName(name) {
			continue
		}
		for _, value := range values {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = appendValue(dst, value)
			dst = append(dst, "\r\n"...)
		}
	}
	if w.header["Date"] == nil {
		dst = append(dst, "Date: "...)
		dst = append(dst, date()...)
		dst = append(dst, "\r\n"...)
	}
	if hasBody(w.status) {
		if len(w.held) > 0 && w.header["Content-Type"] == nil && w.header["Content-Encoding"] == nil {
			dst = append(dst, "Content-Type: "...)
			dst = append(dst, http.DetectContentType(w.held)...)
			dst = append(dst, "\r\n"...)
		}
		switch {
		case w.header["Content-Length"] != nil:
		case whole:
			dst = append(dst, "Content-Length: "...)
			dst = strconv.AppendInt(dst, int64(len(w.held)), 10)
			dst = append(dst, "\r\n"...)
		default:
			w.chunked = true
			dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		}
	}
	if w.last {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

func validName(name string) bool {
	for i := range len(name) {
		if !token[name[i]] {
			return false
		}
	}
	return name != ""
}

// appendValue appends the value of a header. Line ends in it would begin another header; net/http makes blanks of them.
func appendValue(dst []byte, value string) []byte {
	from := len(dst)
	dst = append(dst, strings.Trim(value, " \t\r\n")...)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}

// dated is a second and its text.
type dated struct {
	unix int64
	text string
}

var lastDate atomic.Pointer[dated]

// date returns the current time as a Date header has it. All connections share the text of a second.
func date() string {
	now := time.Now()
	if d := lastDate.Load(); d != nil && d.unix == now.Unix() {
		return d.text
	}
	d := &dated{unix: now.Unix(), text: now.UTC().Format(http.TimeFormat)}
	lastDate.Store(d)
	return d.text
}

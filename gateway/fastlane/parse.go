package fastlane

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
)

// maxLines is how many headers a request may have.
const maxLines = 64

// parser reads the heads of one connection's requests (RFC 9112). Clients send nearly the same head each time, so the
// lines of the last one are remembered with what they mean.
type parser struct {
	target string
	url    *url.URL
	lines  []line // of this head and, behind them, of longer ones

	// Of this head.
	count   int // lines
	host    string
	length  int  // of the body
	changed bool // something but the length is not as it was in the last head
}

// line is a header.
type line struct {
	text  []byte // as it was sent
	name  string // in canonical form
	value string
}

// refused are headers that change how a connection or a body is to be read, or of which net/http knows more.
var refused = map[string]bool{
	"Transfer-Encoding": true, "Expect": true, "Upgrade": true, "Trailer": true, "Te": true, "Keep-Alive": true,
	"Proxy-Connection": true, "Proxy-Authorization": true, "Http2-Settings": true, "Content-Encoding": true, "Pragma": true,
}

// parse reads a head that ends in an empty line into a request, except for its body; false if it is not for the fast
// lane.
func (p *parser) parse(head []byte, r *http.Request) bool {
	if !p.read(head) {
		return false
	}
	p.request(r)
	return true
}

// read reads a head that ends in an empty line; false if it is not for the fast lane.
func (p *parser) read(head []byte) bool {
	first, rest, ok := bytes.Cut(head, crlf)
	if !ok {
		return false
	}
	target, ok := bytes.CutPrefix(first, []byte("POST "))
	if !ok {
		return false
	}
	earlier := p.count
	p.changed, p.host, p.length = false, "", -1
	if target, ok = bytes.CutSuffix(target, []byte(" HTTP/1.1")); !ok || !p.readTarget(target) {
		return false
	}
	for p.count = 0; ; p.count++ {
		text, more, ok := bytes.Cut(rest, crlf)
		if !ok || p.count == maxLines {
			return false
		}
		if len(text) == 0 {
			break // the head ends here: the caller has looked for exactly this
		}
		rest = more
		l := p.line(p.count, text)
		if l == nil {
			return false
		}
		switch l.name {
		case "Host":
			if p.host != "" || l.value == "" {
				return false
			}
			p.host = l.value
		case "Content-Length":
			if p.length >= 0 {
				return false
			}
			if p.length = decimal(l.value); p.length < 0 {
				return false
			}
		case "Connection":
			if !bytes.EqualFold([]byte(l.value), []byte("keep-alive")) {
				return false
			}
		}
	}
	p.changed = p.changed || p.count != earlier
	return p.host != "" && p.length >= 0 && p.length <= maxBody
}

// request makes a request of what was read.
func (p *parser) request(r *http.Request) {
	u := *p.url
	r.Method, r.URL, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor = http.MethodPost, &u, p.target, "HTTP/1.1", 1, 1
	r.Header = make(http.Header, p.count)
	values := make([]string, 0, max(p.count, 8))
	for i := range p.lines[:p.count] {
		l := &p.lines[i]
		if l.name == "Host" {
			continue
		}
		if earlier := r.Header[l.name]; earlier != nil {
			r.Header[l.name] = append(earlier[:len(earlier):len(earlier)], l.value)
			continue
		}
		values = append(values, l.value)
		r.Header[l.name] = values[len(values)-1 : len(values) : len(values)]
	}
	r.Host, r.ContentLength = p.host, int64(p.length)
}

var crlf = []byte("\r\n")

// readTarget parses the target of a request line.
func (p *parser) readTarget(target []byte) bool {
	if p.url != nil && string(target) == p.target {
		return true
	}
	if len(target) == 0 || target[0] != '/' {
		return false
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return false
		}
	}
	text := string(target)
	u, err := url.ParseRequestURI(text)
	if err != nil || u.Host != "" {
		return false
	}
	p.target, p.url, p.changed = text, u, true
	return true
}

// line returns the header that stands at a place of the head; nil if there is more than one way to read it.
func (p *parser) line(n int, text []byte) *line {
	if n < len(p.lines) && bytes.Equal(p.lines[n].text, text) {
		return &p.lines[n]
	}
	name, value, ok := bytes.Cut(text, []byte(":"))
	if !ok || len(name) == 0 {
		return nil
	}
	for _, c := range name {
		if !token[c] {
			return nil
		}
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil
		}
	}
	l := line{text: bytes.Clone(text), name: textproto.CanonicalMIMEHeaderKey(string(name)), value: string(value)}
	if refused[l.name] || (l.name == "Host" && !plainHost(l.value)) {
		return nil
	}
	p.changed = p.changed || l.name != "Content-Length" || n < len(p.lines) && p.lines[n].name != l.name
	if n < len(p.lines) {
		p.lines[n] = l
	} else {
		p.lines = append(p.lines, l)
	}
	return &p.lines[n]
}

// token are the bytes of a header's name (RFC 9110, section 5.6.2).
var token = func() (set [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		set[c] = true
	}
	return set
}()

func plainHost(host string) bool {
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == ':', c == '_', c == '[', c == ']':
		default:
			return false
		}
	}
	return true
}

// decimal reads the digits of a content length; -1 if there is anything else or too much.
func decimal(text string) int {
	if text == "" || len(text) > 9 {
		return -1
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

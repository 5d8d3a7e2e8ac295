package cloudbase

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"yunduo"
)

// Signatures are accepted this long before and after the signer's time.
const signatureSkew = 15 * time.Minute

const tc3Algorithm = "TC3-HMAC-SHA256"

// tc3Authorization is the Authorization header of a signed request, in the "tcb" flavour of the server SDKs:
// TC3-HMAC-SHA256 Credential=ID/DATE/tcb/tc3_request, SignedParams=a;b, SignedHeaders=h;i, Signature=hex.
type tc3Authorization struct {
	credential    string // secretID/scope
	secretID      string
	scope         string // DATE/tcb/tc3_request
	date          string
	service       string
	signedParams  []string
	signedHeaders []string
	signature     digest
	// Of the cloud API flavour, others give headers: the time in seconds, and the session token of a temporary key.
	timestamp string
	token     string

	keys *signingKeys // nil derives the key each time

	room [24]string // for the names, of which there are seldom more
}

func invalidSignature(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonSignatureInvalid, format, args...)
}

func parseTC3(header string) (*tc3Authorization, error) {
	a := &tc3Authorization{}
	return a, a.parse(header)
}

func (a *tc3Authorization) parse(header string) error {
	rest, ok := strings.CutPrefix(header, tc3Algorithm+" ")
	if !ok {
		return invalidSignature("the Authorization header must begin with %s", tc3Algorithm)
	}
	var credentials, encoded, params, headers string
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return invalidSignature("the Authorization header has a part without a value")
		}
		switch name {
		case "Credential":
			credentials = value
		case "Signature":
			encoded = value
		case "SignedParams":
			params = value
		case "SignedHeaders":
			headers = value
		case "Timestamp":
			a.timestamp = value
		case "Token":
			a.token = value
		}
	}
	id, scope, _ := strings.Cut(credentials, "/")
	date, rest, _ := strings.Cut(scope, "/")
	service, rest, _ := strings.Cut(rest, "/")
	if id == "" || rest != "tc3_request" {
		return invalidSignature("the Credential of the Authorization header must be ID/DATE/SERVICE/tc3_request")
	}
	if headers == "" {
		return invalidSignature("the Authorization header names no SignedHeaders")
	}
	var digits [2 * sha256.Size]byte
	_, err := hex.Decode(a.signature[:], digits[:copy(digits[:], encoded)])
	if err != nil || len(encoded) != len(digits) {
		return invalidSignature("the Signature of the Authorization header must be 64 hexadecimal digits")
	}
	a.credential, a.secretID, a.scope, a.date, a.service = credentials, id, scope, date, service
	names := appendNames(a.room[:0], headers)
	a.signedHeaders = names[:len(names):len(names)]
	if params != "" {
		a.signedParams = appendNames(names, params)[len(names):]
	}
	return nil
}

func appendNames(names []string, list string) []string {
	for name := range strings.SplitSeq(list, ";") {
		names = append(names, name)
	}
	return names
}

// verify checks the signature over a request. p are the top-level members of the body, as the exact bytes received.
//
// Signers differ in how they treat members whose value is an empty string: newer ones leave them out of the hash,
// older ones include them. Either is accepted; both bind every other byte of the signed members.
func (a *tc3Authorization) verify(r *http.Request, secret string, p params, now time.Time) error {
	timestamp := header(r, "X-Timestamp")
	if err := a.checkTime(timestamp, now); err != nil {
		return err
	}
	if err := p.distinct(); err != nil {
		return err
	}
	if err := a.checkSigned(p); err != nil {
		return err
	}
	return a.matchAny(r, secret, timestamp, func() digest { return a.payload(p, true) }, func() digest { return a.payload(p, false) })
}

type digest = [sha256.Size]byte

// scratches are the memory in which what is signed is put together.
var scratches = sync.Pool{New: func() any {
	text := make([]byte, 0, 2048)
	return &text
}}

// matchAny checks the signature over a request whose payload may have been hashed in one of several ways.
func (a *tc3Authorization) matchAny(r *http.Request, secret, timestamp string, payloads ...func() digest) error {
	key, methods := a.keys.of(a, secret), [2]string{strings.ToLower(r.Method), r.Method}
	scratch := scratches.Get().(*[]byte)
	text := *scratch
	defer func() {
		*scratch = text[:0]
		scratches.Put(scratch)
	}()
	for _, hashed := range payloads {
		payload := hashed()
		for host := range signedHosts(r) {
			for _, method := range methods {
				for query := range canonicalQueries(r) {
					text = append(append(text[:0], method...), "\n//"...)
					text = append(append(text, host...), r.URL.Path...)
					text = a.appendRest(text, r, host, query, payload)
					if a.matches(key, timestamp, text) {
						a.keys.keep(a, key)
						return nil
					}
				}
			}
		}
	}
	return mismatch()
}

// addedLater are members that SDKs put into a body after it was signed. None says what to do: the token of temporary keys
// is compared with them, and the data of WeChat's services go to WeChat alone.
var addedLater = []string{"sdk_version", "sessiontoken", "authorization", "requestdata", "apioptions"}

// checkSigned refuses members that are not signed and say something: somebody on the way could have added them.
func (a *tc3Authorization) checkSigned(p params) error {
	for _, m := range p {
		same := func(listed string) bool { return strings.EqualFold(listed, m.name) }
		if slices.ContainsFunc(a.signedParams, same) || slices.ContainsFunc(addedLater, same) {
			continue
		}
		blank := string(m.value) == "null" || m.value[0] == '"' && strings.TrimFunc(unquote(m.value), blankToSigners) == ""
		if !blank {
			return invalidSignature("the member %q of the body is not signed", clip(m.name))
		}
	}
	return nil
}

// verifyBody checks the signature over a request's whole body: the "cloud API" flavour, in which the address is the
// path alone.
func (a *tc3Authorization) verifyBody(r *http.Request, secret string, body []byte, now time.Time) error {
	timestamp := a.timestamp
	for _, header := range []string{"X-Timestamp", "X-TC-Timestamp"} {
		if timestamp == "" {
			timestamp = r.Header.Get(header)
		}
	}
	if err := a.checkTime(timestamp, now); err != nil {
		return err
	}
	key, payload := a.keys.of(a, secret), sha256.Sum256(body)
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	for host := range signedHosts(r) {
		for _, path := range []string{r.URL.EscapedPath(), raw} {
			text := append(append([]byte(r.Method), '\n'), path...)
			if a.matches(key, timestamp, a.appendRest(text, r, host, r.URL.RawQuery, payload)) {
				a.keys.keep(a, key)
				return nil
			}
		}
	}
	return mismatch()
}

func mismatch() error {
	return invalidSignature("the signature does not match the request: check secretId, secretKey and the endpoint's address")
}

// checkTime refuses signatures that are too old, from the future, or of another day than their credential.
func (a *tc3Authorization) checkTime(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return invalidSignature("the X-Timestamp header must be the time in seconds")
	}
	at := time.Unix(seconds, 0)
	if at.Before(now.Add(-signatureSkew)) || at.After(now.Add(signatureSkew)) {
		return invalidSignature("the signature's time is more than %d minutes away from the server's: check the clock", int(signatureSkew.Minutes()))
	}
	var day [len(time.DateOnly)]byte
	if string(at.UTC().AppendFormat(day[:0], time.DateOnly)) != a.date {
		return invalidSignature("the date of the Credential does not match X-Timestamp")
	}
	return nil
}

func (a *tc3Authorization) key(secret string) []byte {
	return mac(mac(mac([]byte("TC3"+secret), a.date), a.service), "tc3_request")
}

// matches reports whether the signature is over a request in canonical form, whose memory it uses.
func (a *tc3Authorization) matches(key *signingKey, timestamp string, canonical []byte) bool {
	sum := sha256.Sum256(canonical)
	text := append(canonical[:0], tc3Algorithm...)
	text = append(append(text, '\n'), timestamp...)
	text = append(append(text, '\n'), a.scope...)
	sum = key.mac(hex.AppendEncode(append(text, '\n'), sum[:]))
	return hmac.Equal(sum[:], a.signature[:])
}

// canonicalQueries are the query as sent and without the leading "&" that older SDKs put there.
func canonicalQueries(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		sent := r.URL.RawQuery
		if trimmed := strings.TrimPrefix(sent, "&"); yield(sent) && trimmed != sent {
			yield(trimmed)
		}
	}
}

// header is http.Header.Get for a name that is in canonical form.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// appendRest appends what follows method and address in a request's canonical form: the query, the signed headers as
// name:value lines, their names, and the payload's hash. Values are trimmed and lower-cased except content types.
func (a *tc3Authorization) appendRest(text []byte, r *http.Request, host, query string, payload digest) []byte {
	text = append(append(append(text, '\n'), query...), '\n')
	for _, name := range a.signedHeaders {
		name = strings.ToLower(name)
		text = append(append(text, name...), ':')
		switch name {
		case "host":
			text = appendLower(text, host)
		case "content-type":
			value := strings.TrimSpace(header(r, "Content-Type"))
			if strings.HasPrefix(value, "multipart/form-data") {
				value = "multipart/form-data"
			}
			text = append(text, value...)
		default:
			text = appendLower(text, strings.TrimSpace(r.Header.Get(name)))
		}
		text = append(text, '\n')
	}
	for i, name := range a.signedHeaders {
		separator := byte('\n')
		if i > 0 {
			separator = ';'
		}
		text = append(append(text, separator), name...)
	}
	return hex.AppendEncode(append(text, '\n'), payload[:])
}

func appendLower(dst []byte, text string) []byte {
	begin := len(dst)
	for i := range len(text) {
		c := text[i]
		if c >= utf8.RuneSelf {
			return append(dst[:begin], strings.ToLower(text)...)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// payload is the hash of the signed members.
func (a *tc3Authorization) payload(p params, skipEmpty bool) digest {
	scratch := scratches.Get().(*[]byte)
	text := *scratch
	defer func() {
		*scratch = text[:0]
		scratches.Put(scratch)
	}()
	for _, name := range a.signedParams {
		begin := len(text)
		text = append(append(append(text, '&'), name...), '=')
		from := len(text)
		if text = appendSigned(text, p.folded(name)); len(text) == from && skipEmpty {
			text = text[:begin]
			continue
		}
		text = append(text, '\r', '\n')
	}
	return sha256.Sum256(text)
}

// appendSigned appends a member's value as it is signed: texts without blanks around them, others as they are.
func appendSigned(dst, value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return append(dst, value...)
	}
	begin := len(dst)
	dst = appendUnquoted(dst, value)
	trimmed := bytes.TrimFunc(dst[begin:], blankToSigners)
	return dst[:begin+copy(dst[begin:], trimmed)]
}

// blankToSigners are the characters that trim() of JavaScript takes away.
func blankToSigners(c rune) bool { return c == '\ufeff' || c != '\u0085' && unicode.IsSpace(c) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

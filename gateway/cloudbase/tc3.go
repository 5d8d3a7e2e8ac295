package cloudbase

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// Signatures are accepted this long before and after the signer's time.
const signatureSkew = 15 * time.Minute

const tc3Algorithm = "TC3-HMAC-SHA256"

// tc3Authorization is the Authorization header of a signed request, in the "tcb" flavour of the server SDKs:
// TC3-HMAC-SHA256 Credential=ID/DATE/tcb/tc3_request, SignedParams=a;b, SignedHeaders=h;i, Signature=hex.
type tc3Authorization struct {
	secretID      string
	scope         string // DATE/tcb/tc3_request
	date          string
	service       string
	signedParams  []string
	signedHeaders []string
	signature     []byte
	// Of the cloud API flavour, others give headers: the time in seconds, and the session token of a temporary key.
	timestamp string
	token     string

	keys *signingKeys // nil derives the key each time
}

func invalidSignature(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonSignatureInvalid, format, args...)
}

func parseTC3(header string) (*tc3Authorization, error) {
	rest, ok := strings.CutPrefix(header, tc3Algorithm+" ")
	if !ok {
		return nil, invalidSignature("the Authorization header must begin with %s", tc3Algorithm)
	}
	a := &tc3Authorization{}
	var credentials, encoded, params, headers string
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found {
			return nil, invalidSignature("the Authorization header has a part without a value")
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
	credential := strings.Split(credentials, "/")
	if len(credential) != 4 || credential[3] != "tc3_request" || credential[0] == "" {
		return nil, invalidSignature("the Credential of the Authorization header must be ID/DATE/SERVICE/tc3_request")
	}
	signature, err := hex.DecodeString(encoded)
	if err != nil || len(signature) != sha256.Size {
		return nil, invalidSignature("the Signature of the Authorization header must be 64 hexadecimal digits")
	}
	a.secretID, a.date, a.service = credential[0], credential[1], credential[2]
	a.scope, a.signature, a.signedHeaders = credentials[len(a.secretID)+1:], signature, strings.Split(headers, ";")
	if params != "" {
		a.signedParams = strings.Split(params, ";")
	}
	return a, nil
}

// verify checks the signature over a request. params are the top-level members of the body by lower-case name, as the
// exact bytes received.
//
// Signers differ in how they treat members whose value is an empty string: newer ones leave them out of the hash,
// older ones include them. Either is accepted; both bind every other byte of the signed members.
func (a *tc3Authorization) verify(r *http.Request, secret string, params map[string]json.RawMessage, now time.Time) error {
	timestamp := r.Header.Get("X-Timestamp")
	if err := a.checkTime(timestamp, now); err != nil {
		return err
	}
	if err := a.checkSigned(params); err != nil {
		return err
	}
	return a.matchAny(r, secret, timestamp, func() string { return a.payloadHash(params, true) }, func() string { return a.payloadHash(params, false) })
}

// matchAny checks the signature over a request whose payload may have been hashed in one of several ways.
func (a *tc3Authorization) matchAny(r *http.Request, secret, timestamp string, payloads ...func() string) error {
	key, hosts := a.keys.of(a, secret), signedHosts(r)
	for _, hashed := range payloads {
		payload := hashed()
		for _, host := range hosts {
			headers, err := a.canonicalHeaders(r, host)
			if err != nil {
				return err
			}
			for _, method := range []string{strings.ToLower(r.Method), r.Method} {
				for _, query := range canonicalQueries(r) {
					if a.matches(key, timestamp, method, "//"+host+r.URL.Path, query, headers, payload) {
						a.keys.keep(a, secret, key)
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
func (a *tc3Authorization) checkSigned(params map[string]json.RawMessage) error {
	for name, value := range params {
		signed := func(listed string) bool { return strings.EqualFold(listed, name) }
		if slices.ContainsFunc(a.signedParams, signed) || slices.Contains(addedLater, name) {
			continue
		}
		blank := string(value) == "null" || len(value) > 0 && value[0] == '"' && strings.TrimSpace(unquote(value)) == ""
		if !blank {
			return invalidSignature("the member %q of the body is not signed", clip(name))
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
	key, digest := a.key(secret), sha256.Sum256(body)
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	for _, host := range signedHosts(r) {
		headers, err := a.canonicalHeaders(r, host)
		if err != nil {
			return err
		}
		for _, path := range []string{r.URL.EscapedPath(), raw} {
			if a.matches(key, timestamp, r.Method, path, r.URL.RawQuery, headers, hex.EncodeToString(digest[:])) {
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
	if at.UTC().Format(time.DateOnly) != a.date {
		return invalidSignature("the date of the Credential does not match X-Timestamp")
	}
	return nil
}

func (a *tc3Authorization) key(secret string) []byte {
	return mac(mac(mac([]byte("TC3"+secret), a.date), a.service), "tc3_request")
}

func (a *tc3Authorization) matches(key []byte, timestamp, method, address, query, headers, payload string) bool {
	text := make([]byte, 0, 512)
	for _, line := range []string{method, address, query, headers} {
		text = append(append(text, line...), '\n')
	}
	for i, name := range a.signedHeaders {
		if i > 0 {
			text = append(text, ';')
		}
		text = append(text, name...)
	}
	digest := sha256.Sum256(append(append(text, '\n'), payload...))
	text = append(text[:0], tc3Algorithm...)
	for _, line := range []string{timestamp, a.scope} {
		text = append(append(text, '\n'), line...)
	}
	h := hmac.New(sha256.New, key)
	h.Write(hex.AppendEncode(append(text, '\n'), digest[:]))
	var sum [sha256.Size]byte
	return hmac.Equal(h.Sum(sum[:0]), a.signature)
}

// canonicalQueries returns the query as sent and without the leading "&" that older SDKs put there.
func canonicalQueries(r *http.Request) []string {
	if trimmed := strings.TrimPrefix(r.URL.RawQuery, "&"); trimmed != r.URL.RawQuery {
		return []string{r.URL.RawQuery, trimmed}
	}
	return []string{r.URL.RawQuery}
}

// canonicalHeaders lists the signed headers as name:value lines, values trimmed and lower-cased except content types.
func (a *tc3Authorization) canonicalHeaders(r *http.Request, host string) (string, error) {
	var b strings.Builder
	for _, name := range a.signedHeaders {
		value := r.Header.Get(name)
		switch strings.ToLower(name) {
		case "":
			return "", invalidSignature("the Authorization header names no SignedHeaders")
		case "host":
			value = strings.ToLower(host)
		case "content-type":
			if strings.HasPrefix(value, "multipart/form-data") {
				value = "multipart/form-data"
			}
		default:
			value = strings.ToLower(value)
		}
		b.WriteString(strings.ToLower(name) + ":" + strings.TrimSpace(value) + "\n")
	}
	return b.String(), nil
}

func (a *tc3Authorization) payloadHash(params map[string]json.RawMessage, skipEmpty bool) string {
	var payload []byte
	for _, name := range a.signedParams {
		raw := params[strings.ToLower(name)]
		value := string(raw)
		if len(raw) > 0 && raw[0] == '"' {
			value = strings.TrimSpace(unquote(raw))
		}
		if value == "" && skipEmpty {
			continue
		}
		payload = append(append(append(append(append(payload, '&'), name...), '='), value...), "\r\n"...)
	}
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

package cloudbase

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// cosAuthorization is a signature in the form of the vendor's object store, which its manager SDK and tcb-admin-node use
// for the admin endpoint too. It is an HMAC with SHA-1 and binds no body, so that it is accepted only where Options say.
type cosAuthorization struct {
	secretID  string
	signTime  string
	keyTime   string // BEGIN;END in seconds
	headers   []string
	params    []string
	signature string
}

const (
	cosAlgorithm = "q-sign-algorithm=sha1&"
	// cosLife is the longest time for which a signature may be valid.
	cosLife = time.Hour
)

func parseCOS(text string) (*cosAuthorization, error) {
	if !strings.HasPrefix(text, cosAlgorithm) || len(text) > 16<<10 {
		return nil, invalidSignature("the signature must begin with %s", cosAlgorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(part, "=")
		if _, twice := fields[name]; twice {
			return nil, invalidSignature("the signature names %s twice", clip(name))
		}
		fields[name] = value
	}
	a := &cosAuthorization{
		secretID: fields["q-ak"], signTime: fields["q-sign-time"], keyTime: fields["q-key-time"], signature: fields["q-signature"],
		headers: names(fields["q-header-list"]), params: names(fields["q-url-param-list"]),
	}
	if a.secretID == "" || len(a.signature) != 2*sha1.Size {
		return nil, invalidSignature("the signature lacks q-ak or q-signature")
	}
	return a, nil
}

func names(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ";")
}

// checkTime refuses a signature that is not valid now.
func (a *cosAuthorization) checkTime(now time.Time) error {
	if a.signTime != a.keyTime {
		return invalidSignature("q-sign-time and q-key-time differ")
	}
	from, to, _ := strings.Cut(a.keyTime, ";")
	begin, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return invalidSignature("q-key-time must be two times in seconds")
	}
	end, err := strconv.ParseInt(to, 10, 64)
	if err != nil {
		return invalidSignature("q-key-time must be two times in seconds")
	}
	at := now.Unix()
	if at < begin-int64(signatureSkew.Seconds()) || at > end || end-begin > int64(cosLife.Seconds()) {
		return invalidSignature("the signature is not valid now, or for more than an hour: check the clock")
	}
	return nil
}

// verify checks the signature. value gives what the request has for a signed parameter or header.
func (a *cosAuthorization) verify(secret, method, path string, param, header func(name string) string, now time.Time) error {
	if err := a.checkTime(now); err != nil {
		return err
	}
	text := strings.Join([]string{strings.ToLower(method), path, pairs(a.params, param), pairs(a.headers, header), ""}, "\n")
	sum := sha1.Sum([]byte(text))
	key := hex.EncodeToString(mac1([]byte(secret), a.keyTime))
	wanted := hex.EncodeToString(mac1([]byte(key), "sha1\n"+a.signTime+"\n"+hex.EncodeToString(sum[:])+"\n"))
	if !hmac.Equal([]byte(wanted), []byte(a.signature)) {
		return mismatch()
	}
	return nil
}

func mac1(key []byte, text string) []byte {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// pairs joins names and values as the signers do.
func pairs(names []string, value func(name string) string) string {
	list := make([]string, len(names))
	for i, encoded := range names {
		name, err := url.PathUnescape(encoded)
		if err != nil {
			name = encoded
		}
		list[i] = strings.ToLower(cosEncode(strings.ToLower(name))) + "=" + cosEncode(value(name))
	}
	return strings.Join(list, "&")
}

func cosEncode(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// signedHeader returns a header as the signer knew it.
func signedHeader(r *http.Request) func(name string) string {
	return func(name string) string {
		switch strings.ToLower(name) {
		case "host":
			for host := range signedHosts(r) {
				return host
			}
		case "content-length":
			return strconv.FormatInt(r.ContentLength, 10)
		}
		return r.Header.Get(name)
	}
}

// allParams are the parameters of an address by their names as signers write them. Each must be signed, and once: one of
// two could be verified and the other obeyed.
func (a *cosAuthorization) allParams(query url.Values) (map[string]string, error) {
	signed := make(map[string]bool, len(a.params))
	for _, encoded := range a.params {
		name, err := url.PathUnescape(encoded)
		if err != nil {
			name = encoded
		}
		signed[strings.ToLower(name)] = true
	}
	params := make(map[string]string, len(query))
	for name, values := range query {
		key := strings.ToLower(name)
		if _, twice := params[key]; twice || len(values) != 1 {
			return nil, invalidSignature("the parameter %q of the address comes twice", clip(name))
		}
		if !signed[key] {
			return nil, invalidSignature("the parameter %q of the address is not signed", clip(name))
		}
		params[key] = values[0]
	}
	return params, nil
}

// verifyMembers checks a signature over the members of a JSON body. Each but the credentials themselves must be signed,
// for every member that is there may be obeyed.
func (a *cosAuthorization) verifyMembers(r *http.Request, secret string, p params, now time.Time) error {
	if err := p.distinct(); err != nil {
		return err
	}
	signed := map[string]bool{"authorization": true, "sessiontoken": true, "sdk_version": true} // what is added later
	for _, name := range a.params {
		signed[strings.ToLower(name)] = true
	}
	for _, m := range p {
		if !signed[strings.ToLower(m.name)] {
			return invalidSignature("the member %q of the body is not signed", clip(m.name))
		}
	}
	param := func(name string) string {
		value := p.folded(name)
		var text *string
		if json.Unmarshal(value, &text) == nil {
			if text == nil {
				return ""
			}
			return *text
		}
		return string(value)
	}
	return a.verify(secret, r.Method, r.URL.Path, param, signedHeader(r), now)
}

// cosRefused says that signatures of this kind are switched off.
func cosRefused() error {
	return yunduo.Errorf(yunduo.ReasonTokenMissing, "signatures of the vendor's object store (SHA-1) are not accepted by this server; its operator can allow them with --cos-signatures")
}

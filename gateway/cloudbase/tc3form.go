package cloudbase

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"
)

// binaryPart reports whether a part of a form is bytes to its signer, who hashes it even when there are none.
func binaryPart(name string) bool { return name == "requestdata" || name == "apioptions" }

// verifyForm checks the signature over a form, as verify does over JSON. Its parts are signed as the bytes received.
func (a *tc3Authorization) verifyForm(r *http.Request, secret string, parts map[string][]byte, now time.Time) error {
	timestamp := r.Header.Get("X-Timestamp")
	if err := a.checkTime(timestamp, now); err != nil {
		return err
	}
	members := make(map[string]string, len(parts))
	for name, value := range parts {
		key := strings.ToLower(name)
		if _, twice := members[key]; twice {
			return invalidSignature("the part %q of the form has two spellings", clip(key))
		}
		if members[key] = string(value); !binaryPart(key) {
			members[key] = strings.TrimFunc(members[key], blankToSigners)
		}
		signed := slices.ContainsFunc(a.signedParams, func(listed string) bool { return strings.EqualFold(listed, name) })
		if !signed && members[key] != "" && !slices.Contains(addedLater, key) {
			return invalidSignature("the part %q of the form is not signed", clip(name))
		}
	}
	return a.matchAny(r, secret, timestamp,
		func() digest { return a.formHash(members, func(name string) bool { return !binaryPart(name) }) },
		func() digest { return a.formHash(members, func(string) bool { return true }) },
		func() digest { return a.formHash(members, func(string) bool { return false }) })
}

// formHash hashes the signed parts; of those that are empty, skip tells which the signer left out.
func (a *tc3Authorization) formHash(members map[string]string, skip func(name string) bool) (sum digest) {
	h := sha256.New()
	for _, name := range a.signedParams {
		key := strings.ToLower(name)
		if members[key] == "" && skip(key) {
			continue
		}
		h.Write([]byte("&" + name + "=" + members[key] + "\r\n"))
	}
	h.Sum(sum[:0])
	return sum
}

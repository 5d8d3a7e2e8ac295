package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// signed returns a request to /admin signed as the server SDKs do (TC3-HMAC-SHA256). fields are names and values, strings
// or raw JSON, by turns, in the order signed. It holds for 15 minutes.
func (p *platform) signed(at time.Time, fields ...any) []byte {
	names, members, payload := []string{}, []string{}, ""
	for i := 0; i < len(fields); i += 2 {
		name := fields[i].(string)
		names = append(names, strings.ToLower(name))
		members = append(members, quote(name)+":"+memberText(fields[i+1]))
		payload += fmt.Sprintf("&%s=%s\r\n", strings.ToLower(name), fields[i+1])
	}
	headers := "content-type:application/json\nhost:" + p.host + "\n"
	canonical := strings.Join([]string{"post", "//" + p.host + "/admin", "", headers, "content-type;host", digest(payload)}, "\n")
	date := at.UTC().Format(time.DateOnly)
	scope := date + "/tcb/tc3_request"
	toSign := fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s\n%s", at.Unix(), scope, digest(canonical))
	key := keyed(keyed(keyed("TC3"+p.SecretKey, date), "tcb"), "tc3_request")
	authorization := fmt.Sprintf("Authorization: TC3-HMAC-SHA256 Credential=%s/%s, SignedParams=%s, SignedHeaders=content-type;host, Signature=%x",
		p.SecretID, scope, strings.Join(names, ";"), keyed(key, toSign))
	return request(p.host, "/admin", []byte("{"+strings.Join(members, ",")+"}"), authorization, fmt.Sprintf("X-Timestamp: %d", at.Unix()))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func keyed(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return string(h.Sum(nil))
}

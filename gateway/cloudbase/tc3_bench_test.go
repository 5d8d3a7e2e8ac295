package cloudbase

import (
	"encoding/json"
	"testing"
)

// What a signature costs beside the call that it signs.
func BenchmarkVerify(b *testing.B) {
	s := signing{params: []string{"action", `"database.getDocument"`, "collectionName", `"notes"`, "envName", `"shop"`, "query", `"{\"_id\":\"0123456789abcdef\"}"`, "queryType", `"DOC"`}}
	r, body := s.request(b)
	text, err := json.Marshal(body)
	if err != nil {
		b.Fatal(err)
	}
	var keys signingKeys
	for b.Loop() {
		p, err := membersOf(text)
		if err != nil {
			b.Fatal(err)
		}
		lower, err := p.lower()
		if err != nil {
			b.Fatal(err)
		}
		a, err := parseTC3(r.Header.Get("Authorization"))
		if err != nil {
			b.Fatal(err)
		}
		a.keys = &keys
		if err := a.verify(r, tc3Secret, lower, signedAt); err != nil {
			b.Fatal(err)
		}
	}
}

package cloudbase

import (
	"encoding/json"
	"testing"
)

func BenchmarkListed(b *testing.B) {
	text := []byte{'['}
	for range 20 {
		text = append(text, `{"_id":"6a1f2b3c4d5e6f7081920304","n":{"$numberLong":"12"},"title":"notes of a \"mini-program\"","tags":["a","b"],"at":{"$date":"2026-01-02T03:04:05.678Z"},"text":"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua.","done":false},`...)
	}
	text[len(text)-1] = ']'
	b.SetBytes(int64(len(text)))
	out := make([]byte, 0, 2*len(text))
	for b.Loop() {
		out = appendListed(out[:0], text)
	}
}

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
		a, err := parseTC3(r.Header.Get("Authorization"))
		if err != nil {
			b.Fatal(err)
		}
		a.keys = &keys
		if err := a.verify(r, tc3Secret, p, signedAt); err != nil {
			b.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// note is a document of about 500 bytes without its ID.
var note = `{"status":"open","n":%d,"title":"notes of a mini-program","text":"` + strings.Repeat("a few words ", 28) + `","tags":["one","two"],"createdAt":{"$date":"2026-01-02T03:04:05.678Z"}}`

func (b *bench) documents(collection, verb, body, authorization string) []byte {
	return request(b.host, "/v1/apps/"+b.App+"/documents/"+collection+"/"+verb, []byte(body), authorization)
}

func (b *bench) collection(ctx context.Context, name string) error {
	return b.post(ctx, "/v1/manage/apps/"+b.App+"/collections", b.APIKey, map[string]string{"collection": name}, nil)
}

// seed fills the collection notes once, as the end user, and returns the documents' IDs.
func (b *bench) seed(ctx context.Context, count int) ([]string, error) {
	if b.seeded != nil {
		return b.seeded, nil
	}
	if err := b.collection(ctx, "notes"); err != nil {
		return nil, err
	}
	for len(b.seeded) < count {
		batch := make([]json.RawMessage, 100)
		for i := range batch {
			batch[i] = fmt.Appendf(nil, note, len(b.seeded)+i)
		}
		var reply struct {
			InsertedIDs []string `json:"insertedIds"`
		}
		if err := b.post(ctx, "/v1/apps/"+b.App+"/documents/notes/insert", b.token, map[string]any{"documents": batch}, &reply); err != nil {
			return nil, err
		}
		b.seeded = append(b.seeded, reply.InsertedIDs...)
	}
	return b.seeded, nil
}

// documents measures durable inserts and reads by ID over HTTP, by an end user under rules and by the app's key.
func documents(ctx context.Context, b *bench) error {
	ids, err := b.seed(ctx, 1000)
	if err != nil {
		return err
	}
	if err := b.collection(ctx, "inserts"); err != nil {
		return err
	}
	user, key := b.bearer(), "Authorization: Bearer "+b.APIKey
	insert := `{"documents":[` + fmt.Sprintf(note, 1) + `]}`
	fmt.Printf("\n## Documents over HTTP\n\nA document has about 500 bytes; an insert is acknowledged when it is on disk.\n\n| operation | clients | caller | requests/s | p50 us | p99 ms | target | load |\n|---|---|---|---|---|---|---|---|\n")
	for _, clients := range []int{1, 16, 64} {
		results, err := b.sideBySide(ctx,
			load{address: b.host, clients: clients, next: always(b.documents("inserts", "insert", insert, user))},
			load{address: b.host, clients: clients, next: always(b.documents("inserts", "insert", insert, key))},
			b.gets(clients, ids, func(id string) []byte { return b.get(id, user) }),
			b.gets(clients, ids, func(id string) []byte { return b.get(id, key) }))
		if err != nil {
			return err
		}
		for n, name := range []string{"insert | %d | end user", "insert | %d | API key", "get by ID | %d | end user", "get by ID | %d | API key"} {
			r, judged := results[n], ""
			if clients == 64 {
				target := []float64{3000, 6000}[n/2]
				judged = fmt.Sprintf(">= %.0f: %s", target, verdict(rates(r).median(), target, false))
			}
			fmt.Printf("| "+name+" | %s | %s | %s | %s | %s |\n", clients, rates(r).text(0), p50s(r).text(0), p99s(r).text(1), judged, loads(r))
		}
	}
	return nil
}

func (b *bench) get(id, authorization string) []byte {
	return b.documents("notes", "get", `{"id":`+quote(id)+`}`, authorization)
}

// gets reads documents by turns; what makes the requests is done before the clock runs.
func (b *bench) gets(clients int, ids []string, make func(id string) []byte) load {
	var requests [][]byte
	for _, id := range ids {
		requests = append(requests, make(id))
	}
	at := func(client, i int) int { return (client*131 + i*7) % len(ids) }
	return load{address: b.host, clients: clients,
		next: func(client, i int) []byte { return requests[at(client, i)] },
		check: func(client, i int, body []byte) error {
			if !bytes.Contains(body, []byte(ids[at(client, i)])) {
				return fmt.Errorf("the reply is not the document: %.300s", body)
			}
			return nil
		}}
}

// admin compares a read by ID over the official SDKs' signed protocol with the native one.
func admin(ctx context.Context, b *bench) error {
	ids, err := b.seed(ctx, 1000)
	if err != nil {
		return err
	}
	fmt.Printf("\n## Get by ID: /admin (TC3 signature) and native (API key)\n\n| clients | native requests/s | /admin requests/s | native p50 us | /admin p50 us | /admin : native requests/s | load |\n|---|---|---|---|---|---|---|\n")
	key := "Authorization: Bearer " + b.APIKey
	for _, clients := range []int{1, 16, 64} {
		results, err := b.sideBySide(ctx,
			b.gets(clients, ids, func(id string) []byte { return b.get(id, key) }),
			b.gets(clients, ids, b.signedGet))
		if err != nil {
			return err
		}
		native, signed := results[0], results[1]
		fmt.Printf("| %d | %s | %s | %s | %s | %s | %s |\n", clients, rates(native).text(0), rates(signed).text(0), p50s(native).text(0), p50s(signed).text(0),
			rates(signed).over(rates(native)).text(2), loads(native, signed))
	}
	return nil
}

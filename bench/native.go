package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// native is Yunduo as a store.
type native struct {
	*platform
	b   *bench
	dir string
}

var _ store = (*native)(nil)

const signedIn = `{"read":"auth != null","write":"auth != null"}`

// startNative starts a platform without functions and makes the collections.
func startNative(ctx context.Context, b *bench) (*native, error) {
	dir, err := os.MkdirTemp(b.dir, "yunduo-")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "cloudfunctions"), 0o755); err != nil { // a project has the folder
		return nil, err
	}
	p, err := startPlatform(ctx, b.binary, dir, b.flags)
	if err != nil {
		return nil, err
	}
	s := &native{platform: p, b: b, dir: dir}
	if err := s.prepare(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *native) prepare(ctx context.Context) error {
	collections := s.URL + "/v1/manage/apps/" + s.App + "/collections"
	for _, name := range []string{"notes", "room"} {
		if err := call(ctx, "POST", collections, s.APIKey, map[string]string{"collection": name}, nil); err != nil {
			return err
		}
		if err := call(ctx, "PUT", collections+"/"+name+"/rules", s.APIKey, map[string]string{"rules": signedIn}, nil); err != nil {
			return err
		}
	}
	index := json.RawMessage(`{"index":{"fields":[{"path":"status"},{"path":"n","descending":true}]}}`)
	if err := call(ctx, "POST", collections+"/notes/indexes", s.APIKey, index, nil); err != nil {
		return err
	}
	return s.indexed(ctx, collections+"/notes/indexes")
}

// indexed waits until the index is in use.
func (s *native) indexed(ctx context.Context, address string) error {
	for {
		var reply struct {
			Indexes []struct {
				Fields []struct{ Path string }
				State  string
			}
		}
		if err := call(ctx, "GET", address, s.APIKey, nil, &reply); err != nil {
			return err
		}
		for _, index := range reply.Indexes {
			if len(index.Fields) == 2 && (index.State == "ready" || index.State == "") {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *native) name() string    { return "yunduo" }
func (s *native) address() string { return s.host }
func (s *native) process() int    { return s.PID }

func (s *native) document(n int) []byte {
	return append(document(n), `,"createdAt":{"$date":"2026-01-02T03:04:05.678Z"}}`...)
}

func (s *native) insert(ctx context.Context, collection string, documents []json.RawMessage) ([]string, error) {
	var reply struct {
		InsertedIDs []string `json:"insertedIds"`
	}
	err := s.post(ctx, "/v1/apps/"+s.App+"/documents/"+collection+"/insert", s.APIKey, map[string]any{"documents": documents}, &reply)
	return reply.InsertedIDs, err
}

func (s *native) insertMany(ctx context.Context, first, count int) ([]string, error) {
	batch := make([]json.RawMessage, min(count, 1000)) // the most that an insert may have
	for i := range batch {
		batch[i] = s.document(first + i)
	}
	return s.insert(ctx, "notes", batch)
}

func (s *native) request(collection, verb string, body []byte) []byte {
	return request(s.host, "/v1/apps/"+s.App+"/documents/"+collection+"/"+verb, body, "Authorization: Bearer "+s.token)
}

func (s *native) create(n int) []byte {
	return s.request("notes", "insert", append(append([]byte(`{"documents":[`), s.document(n)...), `]}`...))
}

func (s *native) set(collection, id string, n int) []byte {
	body := append([]byte(`{"filter":{"_id":"`+id+`"},"update":{"$set":{"title":"changed `), strconv.Itoa(n)...)
	return s.request(collection, "update", append(body, `"}}}`...))
}

func (s *native) update(id string, n int) []byte { return s.set("notes", id, n) }
func (s *native) change(id string, n int) []byte { return s.set("room", id, n) }

func (s *native) updated(string) string { return `"modified":1` }

func (s *native) get(id string) []byte {
	return s.request("notes", "get", []byte(`{"id":"`+id+`"}`))
}

func (s *native) list(below int) []byte {
	return s.request("notes", "find", fmt.Appendf(nil, `{"filter":{"status":"open","n":{"$lte":%d}},"sort":{"n":-1},"limit":%d}`, below, pageSize))
}

func (s *native) fill(ctx context.Context) (string, error) {
	ids, err := s.insert(ctx, "room", []json.RawMessage{s.document(0)})
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

func (s *native) watch() ([]byte, feed) {
	return message("GET", s.host, "/v1/apps/"+s.App+"/watch", nil, "Authorization: Bearer "+s.token, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol: yunduo.watch.v1"), &webSocket{}
}

func (s *native) follow(context.Context, notice) ([]byte, error) {
	return frame(opText, []byte(`{"type":"watch","id":"w","collection":"room"}`)), nil
}

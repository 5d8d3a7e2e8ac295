package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// pocketBase is the peer of documents, with its defaults: its writes are not synced.
type pocketBase struct {
	host  string
	pid   int
	stop  func()
	admin string // token
	token string // of the user
}

var _ store = (*pocketBase)(nil)

// startPocketBase starts the peer with empty data and makes collections and a user.
func startPocketBase(ctx context.Context, b *bench) (*pocketBase, error) {
	dir, err := os.MkdirTemp(b.dir, "pocketbase-")
	if err != nil {
		return nil, err
	}
	admin := map[string]string{"identity": "owner@example.com", "password": "a-long-password-of-the-benchmark"}
	data := filepath.Join(dir, "data")
	if out, err := exec.CommandContext(ctx, b.pocketbase, "superuser", "upsert", admin["identity"], admin["password"], "--dir", data).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s (scripts/bench builds it): %w: %.500s", b.pocketbase, err, out)
	}
	s := &pocketBase{}
	if s.host, err = freeAddress(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(b.pocketbase, "serve", "--http", s.host, "--dir", data)
	if s.stop, _, err = startProcess(command, log); err != nil {
		return nil, err
	}
	s.pid = command.Process.Pid
	if err := s.prepare(ctx, admin); err != nil {
		s.stop()
		return nil, fmt.Errorf("pocketbase: %w", err)
	}
	return s, nil
}

// freeAddress is one on which nobody listens now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *pocketBase) prepare(ctx context.Context, admin map[string]string) error {
	if err := s.awake(ctx); err != nil {
		return err
	}
	var err error
	if s.admin, err = s.login(ctx, "_superusers", admin); err != nil {
		return err
	}
	rule := "@request.auth.id != ''"
	for _, name := range []string{"notes", "room"} {
		collection := map[string]any{
			"name": name, "type": "base", "listRule": rule, "viewRule": rule, "createRule": rule, "updateRule": rule, "deleteRule": rule,
			"fields": []map[string]any{
				{"name": "status", "type": "text"}, {"name": "n", "type": "number"}, {"name": "title", "type": "text"},
				{"name": "text", "type": "text"}, {"name": "tags", "type": "json"}, {"name": "createdAt", "type": "date"},
			},
		}
		if name == "notes" {
			collection["indexes"] = []string{"CREATE INDEX notes_status_n ON notes (status, n DESC)"}
		}
		if err := s.call(ctx, "POST", "/api/collections", collection, nil); err != nil {
			return err
		}
	}
	user := map[string]string{"email": "reader@example.com", "password": "a-long-password-of-the-benchmark", "passwordConfirm": "a-long-password-of-the-benchmark"}
	if err := s.call(ctx, "POST", "/api/collections/users/records", user, nil); err != nil {
		return err
	}
	s.token, err = s.login(ctx, "users", map[string]string{"identity": user["email"], "password": user["password"]})
	return err
}

func (s *pocketBase) awake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := call(ctx, "GET", "http://"+s.host+"/api/health", "", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *pocketBase) login(ctx context.Context, collection string, credentials map[string]string) (string, error) {
	var reply struct{ Token string }
	err := s.call(ctx, "POST", "/api/collections/"+collection+"/auth-with-password", credentials, &reply)
	return reply.Token, err
}

func (s *pocketBase) call(ctx context.Context, method, path string, body, into any) error {
	return call(ctx, method, "http://"+s.host+path, s.admin, body, into)
}

// batches lets requests be joined, which is not so by default; seeding would take hours without.
func (s *pocketBase) batches(ctx context.Context, on bool) error {
	return s.call(ctx, "PATCH", "/api/settings", map[string]any{"batch": map[string]any{"enabled": on, "maxRequests": 1000, "timeout": 60}}, nil)
}

func (s *pocketBase) name() string    { return "PocketBase" }
func (s *pocketBase) address() string { return s.host }
func (s *pocketBase) process() int    { return s.pid }

func (s *pocketBase) document(n int) []byte {
	return append(document(n), `,"createdAt":"2026-01-02 03:04:05.678Z"}`...)
}

const records = "/api/collections/notes/records"

func (s *pocketBase) insertMany(ctx context.Context, first, count int) ([]string, error) {
	type entry struct {
		Method string          `json:"method"`
		URL    string          `json:"url"`
		Body   json.RawMessage `json:"body"`
	}
	batch := make([]entry, min(count, 1000))
	for i := range batch {
		batch[i] = entry{"POST", records, s.document(first + i)}
	}
	var reply []struct {
		Status int
		Body   struct{ ID string }
	}
	if err := s.call(ctx, "POST", "/api/batch", map[string]any{"requests": batch}, &reply); err != nil {
		return nil, err
	}
	ids := make([]string, len(reply))
	for i, r := range reply {
		if r.Status != 200 {
			return nil, fmt.Errorf("document %d: status %d", first+i, r.Status)
		}
		ids[i] = r.Body.ID
	}
	return ids, nil
}

func (s *pocketBase) message(method, path string, body []byte) []byte {
	return message(method, s.host, path, body, "Authorization: "+s.token)
}

func (s *pocketBase) create(n int) []byte  { return s.message("POST", records, s.document(n)) }
func (s *pocketBase) get(id string) []byte { return s.message("GET", records+"/"+id, nil) }

func (s *pocketBase) set(path string, n int) []byte {
	return s.message("PATCH", path, append(strconv.AppendInt([]byte(`{"title":"changed `), int64(n), 10), `"}`...))
}

func (s *pocketBase) update(id string, n int) []byte { return s.set(records+"/"+id, n) }

func (s *pocketBase) updated(id string) string { return id }

func (s *pocketBase) change(id string, n int) []byte {
	return s.set("/api/collections/room/records/"+id, n)
}

// listing is the query of list up to the number. The total is skipped, which is counted otherwise.
var listing = records + "?perPage=" + strconv.Itoa(pageSize) + "&skipTotal=1&sort=-n&filter=" + strings.ReplaceAll(url.QueryEscape("status='open' && n<="), "+", "%20")

func (s *pocketBase) list(below int) []byte {
	return s.message("GET", listing+strconv.Itoa(below), nil)
}

func (s *pocketBase) fill(ctx context.Context) (string, error) {
	var reply struct{ ID string }
	err := s.call(ctx, "POST", "/api/collections/room/records", json.RawMessage(s.document(0)), &reply)
	return reply.ID, err
}

func (s *pocketBase) watch() ([]byte, feed) {
	return s.message("GET", "/api/realtime", nil), &serverEvents{}
}

// follow subscribes: a request of its own that names the stream by what its first notice says.
func (s *pocketBase) follow(ctx context.Context, first notice) ([]byte, error) {
	var stream struct {
		ClientID string `json:"clientId"`
	}
	if err := json.Unmarshal(first.data, &stream); err != nil {
		return nil, fmt.Errorf("the first event of the stream: %w: %.200s", err, first.data)
	}
	body := map[string]any{"clientId": stream.ClientID, "subscriptions": []string{"room/*"}}
	return nil, call(ctx, "POST", "http://"+s.host+"/api/realtime", s.token, body, nil)
}

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

const (
	watchWrites  = 6_000
	watchWriters = 4
	watchCards   = 20                     // documents that are written, over and over
	watchEven    = `{"n":{"$mod":[2,0]}}` // enters and leaves with every other write
)

// restless is a client that follows a query while its connection is cut, it sleeps, and the server is killed.
type restless struct {
	t       *testing.T
	server  func() *child
	query   string
	cards   map[string]json.RawMessage
	resume  string
	began   int64 // the sum of the numbers in the first snapshot
	resets  int
	changes int
	cuts    int
}

// follow keeps up with the query until the writes are done and the documents are those that a query returns.
func (r *restless) follow(ctx context.Context, done <-chan struct{}) error {
	finished := false
	for {
		select {
		case <-done:
			finished = true
		default:
		}
		if finished && r.agrees(ctx) {
			return nil
		}
		session, cancel := context.WithCancel(ctx)
		if !finished { // a last look
			go func() {
				select {
				case <-done:
					cancel()
				case <-session.Done():
				}
			}()
		}
		err := r.session(session, finished)
		cancel()
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
}

// session is the life of one connection. It returns an error only for what must not happen.
func (r *restless) session(ctx context.Context, last bool) error {
	c := r.server()
	s, _, err := dial(r.t, c.url, killApp, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + c.key}}})
	if err != nil {
		return ctx.Err() // the server is away
	}
	defer func() { _ = s.conn.CloseNow() }()
	message, err := json.Marshal(wire.WatchMessage{Type: "watch", ID: "1", Collection: "cards", Filter: json.RawMessage(r.query), Resume: r.resume})
	if err != nil {
		return err
	}
	if s.conn.Write(ctx, websocket.MessageText, message) != nil {
		return nil
	}
	for messages := 0; ; messages++ {
		if !last && rand.IntN(400) == 0 {
			r.cuts++
			return nil // in the midst of it, without a word
		}
		m, err := s.receive(ctx)
		if err != nil {
			return ctx.Err()
		}
		if err := r.take(m); err != nil {
			return err
		}
		if last && r.agrees(ctx) {
			return nil
		}
	}
}

// take checks that a message follows on those before.
func (r *restless) take(m watchMessage) error {
	switch m.Type {
	case "error":
		return fmt.Errorf("%v", m.Error)
	case "snapshot":
		r.resets++
		clear(r.cards)
		for _, document := range m.Documents {
			r.cards[cardOf(document).ID] = document
		}
		r.began = r.sum()
	case "changes":
		for _, c := range m.Changes {
			r.changes++
			id := string(c.ID[1 : len(c.ID)-1])
			before, had := r.cards[id]
			if had == (c.Move == "enter") {
				return fmt.Errorf("%s of %s, which was there: %v", c.Move, id, had)
			}
			if c.Move == "leave" {
				delete(r.cards, id)
				continue
			}
			if c.Move == "update" && cardOf(c.Document).N != cardOf(before).N+1 {
				return fmt.Errorf("%s came after %s", c.Document, before)
			}
			r.cards[id] = c.Document
		}
	}
	if m.Resume != "" {
		r.resume = m.Resume
	}
	return nil
}

func (r *restless) sum() (n int64) {
	for _, document := range r.cards {
		n += cardOf(document).N
	}
	return n
}

type card struct {
	ID string `json:"_id"`
	N  int64  `json:"n"`
}

func cardOf(document json.RawMessage) (c card) {
	_ = json.Unmarshal(document, &c)
	return c
}

// agrees reports whether the client has what a query returns now.
func (r *restless) agrees(ctx context.Context) bool {
	documents, err := r.server().client.Find(ctx, "cards", wire.FindRequest{Filter: json.RawMessage(r.query), Limit: 1000})
	if err != nil || len(documents) != len(r.cards) {
		return false
	}
	for _, document := range documents {
		if string(r.cards[cardOf(document).ID]) != string(document) {
			return false
		}
	}
	return true
}

// Clients that are cut off, sleep and lose their server to kill -9 in the midst of 10,000 writes see every change that
// was made, once and in order, and end with what a query returns.
func TestWatchKill_NothingIsLostOrSeenTwice(t *testing.T) {
	dir := t.TempDir()
	var current atomic.Pointer[child]
	c := startChild(t, dir)
	current.Store(c)
	t.Cleanup(func() {
		_ = current.Load().command.Process.Signal(syscall.SIGTERM)
		_ = current.Load().command.Wait()
	})
	require.NoError(t, c.client.CreateCollection(t.Context(), "cards"))
	for i := range watchCards {
		_, err := c.client.Insert(t.Context(), "cards", json.RawMessage(fmt.Sprintf(`{"_id":"card-%d","n":0}`, i)))
		require.NoError(t, err)
	}
	server := func() *child { return current.Load() }
	done := make(chan struct{})
	var followers sync.WaitGroup
	all := []*restless{}
	for _, query := range []string{`{}`, `{}`, watchEven, `{"_id":"card-3"}`} {
		r := &restless{t: t, server: server, query: query, cards: map[string]json.RawMessage{}}
		all = append(all, r)
		followers.Go(func() {
			if err := r.follow(t.Context(), done); err != nil {
				t.Error(query, err)
			}
		})
	}
	var writes atomic.Int64
	var writers sync.WaitGroup
	for range watchWriters {
		writers.Go(func() { writeCards(t, server, &writes) })
	}
	for kill := 1; kill <= 3; kill++ { // at a quarter, a half and three quarters
		for writes.Load() < int64(kill*watchWrites/4) {
			if t.Failed() {
				break
			}
			_, err := server().client.Count(t.Context(), "cards", nil) // paces the waiting
			require.NoError(t, err)
		}
		require.NoError(t, c.command.Process.Kill())
		_ = c.command.Wait()
		c = startChild(t, dir)
		current.Store(c)
	}
	writers.Wait()
	close(done)
	followers.Wait()
	for _, r := range all {
		require.Equal(t, 1, r.resets, "%s: began anew", r.query)
		if r.query != watchEven { // each write is one change
			require.Equal(t, r.sum()-r.began, int64(r.changes), r.query)
		}
		t.Logf("%s: %d changes, %d cuts", r.query, r.changes, r.cuts)
	}
}

// writeCards counts cards up until there were enough writes. What was on its way when the server died may have been
// written or not: the next write finds out.
func writeCards(t *testing.T, server func() *child, writes *atomic.Int64) {
	for writes.Load() < watchWrites {
		id := strconv.Itoa(rand.IntN(watchCards))
		reply, err := server().client.Update(t.Context(), "cards", wire.UpdateRequest{
			Filter: json.RawMessage(`{"_id":"card-` + id + `"}`),
			Update: json.RawMessage(`{"$inc":{"n":1}}`),
		})
		if t.Context().Err() != nil {
			return
		}
		if err == nil && reply.Modified == 1 {
			writes.Add(1)
		} else if e := yunduo.AsError(err); err != nil && e.Code() == yunduo.CodeInvalid {
			t.Error(err)
			return
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// statuses are those of documents by turns; lists are of the first.
var statuses = []string{"open", "done", "late", "kept"}

// pageSize is how many documents a list has.
const pageSize = 20

// store is a server with a collection "notes" with an index (status, n descending) whose documents every signed-in user
// may read and write. The requests are those of one such user.
type store interface {
	name() string
	address() string
	process() int
	// insertMany stores the documents from first on, past the rules, and returns their IDs. It is not measured.
	insertMany(ctx context.Context, first, count int) ([]string, error)
	create(n int) []byte
	update(id string, n int) []byte // one field that no index has
	updated(id string) string       // what the reply to an update has in it if there was the document
	get(id string) []byte
	list(below int) []byte // the first page of those that are open, the largest n up to below first
	// watch returns the request that begins to watch the collection "room", and how its replies are read.
	watch() ([]byte, feed)
	// follow returns what is to be sent after the first message of a feed.
	follow(ctx context.Context, first notice) ([]byte, error)
	change(id string, n int) []byte           // of a document in room
	fill(ctx context.Context) (string, error) // puts the document into room
}

// document is the n-th document: the fields that one of its requests has, as JSON, without the date.
func document(n int) []byte {
	text := make([]byte, 0, 640)
	text = append(append(append(text, `{"status":"`...), statuses[n%len(statuses)]...), `","n":`...)
	text = append(strconv.AppendInt(text, int64(n), 10), `,"title":"notes of a mini-program","text":"`...)
	for range 28 {
		text = append(text, "a few words "...)
	}
	return append(text, `","tags":["one","two"]`...)
}

// notes are the documents of a store and the loads on it.
type notes struct {
	store
	ids []string
}

// seed stores documents until there are so many.
func (s *notes) seed(ctx context.Context, count, batch int) error {
	begun, told := time.Now(), time.Now()
	for len(s.ids) < count {
		ids, err := s.insertMany(ctx, len(s.ids), min(batch, count-len(s.ids)))
		if err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
		s.ids = append(s.ids, ids...)
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%s: %d of %d documents after %.0f s\n", s.name(), len(s.ids), count, time.Since(begun).Seconds())
		}
	}
	return nil
}

// turns are the random numbers of the clients of a load. They go on from round to round, so that no round repeats what
// the one before has left in caches, or changes what is changed already.
type turns []uint64

var seeds atomic.Uint64

func newTurns(clients int) turns {
	t := make(turns, clients)
	seed := seeds.Add(1)
	for client := range t {
		t[client] = seed<<40 + uint64(client)<<20
	}
	return t
}

// next returns a client's next number below count.
func (t turns) next(client, count int) int {
	t[client]++
	return t.last(client, count)
}

// last returns what next has returned.
func (t turns) last(client, count int) int {
	h := t[client] * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return int((h ^ h>>31) >> 1 % uint64(count))
}

func (s *notes) load(clients int, next func(client, i int) []byte, check func(client, i int, body []byte) error) load {
	return load{address: s.address(), clients: clients, next: next, check: check}
}

func (s *notes) creates(clients int) load {
	t := newTurns(clients)
	return s.load(clients, func(client, _ int) []byte { return s.create(t.next(client, len(s.ids))) }, nil)
}

func (s *notes) updates(clients int) load {
	t := newTurns(clients)
	return s.load(clients, func(client, _ int) []byte {
		id := s.ids[t.next(client, len(s.ids))]
		return s.update(id, t.last(client, math.MaxInt))
	}, func(client, _ int, body []byte) error {
		if !bytes.Contains(body, []byte(s.updated(s.ids[t.last(client, len(s.ids))]))) {
			return fmt.Errorf("no document was changed: %.300s", body)
		}
		return nil
	})
}

func (s *notes) gets(clients int) load {
	t := newTurns(clients)
	return s.load(clients, func(client, _ int) []byte { return s.get(s.ids[t.next(client, len(s.ids))]) },
		func(client, _ int, body []byte) error {
			if !bytes.Contains(body, []byte(s.ids[t.last(client, len(s.ids))])) {
				return fmt.Errorf("the reply is not the document: %.300s", body)
			}
			return nil
		})
}

// lists asks for pages from anywhere in the index. The first documents have no full page below them.
func (s *notes) lists(clients int) load {
	t, least := newTurns(clients), pageSize*len(statuses)
	return s.load(clients, func(client, _ int) []byte { return s.list(least + t.next(client, len(s.ids)-least)) },
		func(_, _ int, body []byte) error {
			if n := bytes.Count(body, []byte(`"status":"open"`)); n != pageSize {
				return fmt.Errorf("%d documents in the page: %.300s", n, body)
			}
			return nil
		})
}

// writes creates and updates by turns.
func (s *notes) writes(clients int) load {
	create, update := s.creates(clients), s.updates(clients)
	return s.load(clients, func(client, i int) []byte {
		if i%2 == 0 {
			return create.next(client, i)
		}
		return update.next(client, i)
	}, func(client, i int, body []byte) error {
		if i%2 == 0 {
			return nil
		}
		return update.check(client, i, body)
	})
}

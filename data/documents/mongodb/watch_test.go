package mongodb_test

import (
	"math/rand"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Watches on this engine see what a transaction did all at once, in the first result and afterwards.
func TestWatch_NoHalfTransactions(t *testing.T) {
	db := documents.New(open(t), documents.Options{})
	t.Cleanup(db.Close)
	s := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner})
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	account := func(key string, n int) bson.Raw {
		return marshal(t, bson.D{{Key: "_id", Value: key}, {Key: "n", Value: n}})
	}
	_, err := s.Insert(t.Context(), "notes", []bson.Raw{account("a", 100), account("b", 0)})
	require.NoError(t, err)
	const times = 20
	transfer := func(s *documents.Session) error {
		for _, one := range []struct {
			key string
			by  int
		}{{"a", -2}, {"b", 1}, {"a", 1}} {
			change := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: one.by}}}}
			if _, err := s.Update(t.Context(), "notes", documents.Update{Filter: marshal(t, bson.D{{Key: "_id", Value: one.key}}), Change: marshal(t, change)}); err != nil {
				return err
			}
		}
		return nil
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		for range times {
			if err := s.Transact(t.Context(), transfer); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for name, q := range map[string]documents.WatchQuery{"All": {}, "Limited": {Limit: 2}} {
		t.Run(name, func(t *testing.T) {
			wake := make(chan struct{}, 1)
			w, err := s.Watch(t.Context(), "notes", q, func() {
				select {
				case wake <- struct{}{}:
				default:
				}
			})
			require.NoError(t, err)
			defer w.Close()
			docs := map[string]int64{}
			for docs["b"] < times {
				events, err := w.Take()
				require.NoError(t, err)
				for _, e := range events {
					for _, doc := range e.Documents {
						docs[doc.Lookup("_id").StringValue()] = doc.Lookup("n").AsInt64()
					}
					for _, c := range e.Changes {
						docs[c.ID.StringValue()] = c.Document.Lookup("n").AsInt64()
					}
					require.EqualValues(t, 100, docs["a"]+docs["b"], "half of a transaction is seen")
				}
				if len(events) == 0 {
					select {
					case <-wake:
					case <-t.Context().Done():
						t.Fatal("nothing came")
					}
				}
			}
		})
	}
	writers.Wait()
}

// Collections are written, dropped, brought back and renamed while they are watched: in the end every watch shows what a
// query finds.
func TestWatch_CollectionsComeAndGo(t *testing.T) {
	db := documents.New(open(t), documents.Options{})
	t.Cleanup(db.Close)
	s := db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner})
	type seen struct {
		watch *documents.Watch
		wake  chan struct{}
		docs  map[string]bson.Raw
	}
	all, there := map[string]*seen{}, map[string]bool{}
	names := []string{"a", "b", "c"}
	for _, name := range names {
		require.NoError(t, s.CreateCollection(t.Context(), name))
		one := &seen{wake: make(chan struct{}, 1), docs: map[string]bson.Raw{}}
		w, err := s.Watch(t.Context(), name, documents.WatchQuery{}, func() {
			select {
			case one.wake <- struct{}{}:
			default:
			}
		})
		require.NoError(t, err)
		t.Cleanup(w.Close)
		one.watch, all[name], there[name] = w, one, true
	}
	put := func(name, key string, n int) {
		_, err := s.Update(t.Context(), name, documents.Update{Filter: marshal(t, bson.D{{Key: "_id", Value: key}}), Change: account(t, key, n), Upsert: true})
		require.NoError(t, err)
	}
	r := rand.New(rand.NewSource(3))
	for i := range 60 {
		name, other := names[r.Intn(3)], names[r.Intn(3)]
		switch k := r.Intn(20); {
		case !there[name]:
			dropped, err := s.Dropped(t.Context())
			require.NoError(t, err)
			if there[name] = true; len(dropped) > 0 && k < 10 {
				require.NoError(t, s.Undrop(t.Context(), dropped[0].ID, name))
			} else {
				require.NoError(t, s.CreateCollection(t.Context(), name))
			}
		case k < 2:
			require.NoError(t, s.DropCollection(t.Context(), name))
			there[name] = false
		case k < 5 && !there[other]:
			require.NoError(t, s.RenameCollection(t.Context(), name, other))
			there[name], there[other] = false, true
		default:
			put(name, strconv.Itoa(r.Intn(6)), i)
		}
	}
	for _, name := range names {
		if !there[name] {
			require.NoError(t, s.CreateCollection(t.Context(), name))
		}
		put(name, "end", 1000)
		one := all[name]
		for one.docs["end"] == nil {
			events, err := one.watch.Take()
			require.NoError(t, err)
			for _, e := range events {
				if e.Snapshot {
					clear(one.docs)
				}
				for _, doc := range e.Documents {
					one.docs[doc.Lookup("_id").StringValue()] = doc
				}
				for _, c := range e.Changes {
					if delete(one.docs, c.ID.StringValue()); c.Document != nil {
						one.docs[c.ID.StringValue()] = c.Document
					}
				}
			}
			if len(events) == 0 {
				select {
				case <-one.wake:
				case <-t.Context().Done():
					t.Fatal("nothing came")
				}
			}
		}
		cursor, err := s.Find(t.Context(), name, documents.Query{})
		require.NoError(t, err)
		found, err := documents.All(t.Context(), cursor)
		require.NoError(t, err)
		want := map[string]bson.Raw{}
		for _, doc := range found {
			want[doc.Lookup("_id").StringValue()] = doc
		}
		require.Equal(t, want, one.docs, name)
	}
}

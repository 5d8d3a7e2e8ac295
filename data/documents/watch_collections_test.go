package documents_test

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/internal/soak"
)

// Collections are written, dropped, brought back, renamed and made anew at random while they are watched: in the end every
// watch shows what a query finds.
func TestWatch_CollectionsComeAndGo(t *testing.T) {
	run := soak.Start(t, 1)
	for round := int64(0); round < 6 || run.More(); round++ {
		comeAndGo(t, rand.New(rand.NewSource(run.Seed+round)))
	}
}

func comeAndGo(t *testing.T, r *rand.Rand) {
	db := open(t)
	s, user := db.As(owner), db.As(li)
	names := []string{"a", "b", "c"}
	there := map[string]bool{}
	create := func(name string) {
		require.NoError(t, s.CreateCollection(t.Context(), name))
		require.NoError(t, s.SetRules(t.Context(), name, "readonly"))
		there[name] = true
	}
	type seen struct {
		name string
		s    *documents.Session
		q    documents.WatchQuery
		*watcher
	}
	var all []seen
	for _, name := range names {
		create(name)
		for _, reader := range []*documents.Session{s, user} {
			for _, q := range []documents.WatchQuery{{}, {Filter: raw(t, d("n", d("$lt", 50)))}, {Sort: raw(t, d("n", 1)), Limit: 3}} {
				w := watch(t, reader, name, q)
				w.snapshot(documents.ResetNone)
				all = append(all, seen{name, reader, q, w})
			}
		}
	}
	put := func(s *documents.Session, name string, key, n int) {
		_, err := s.Update(t.Context(), name, documents.Update{Filter: raw(t, d("_id", key)), Change: raw(t, d("n", n)), Upsert: true})
		require.NoError(t, err)
	}
	for range 150 {
		name, other := names[r.Intn(3)], names[r.Intn(3)]
		dropped, err := s.Dropped(t.Context())
		require.NoError(t, err)
		switch k := r.Intn(100); {
		case !there[name]:
			if len(dropped) > 0 && k < 40 {
				require.NoError(t, s.Undrop(t.Context(), dropped[r.Intn(len(dropped))].ID, name))
				there[name] = true
			} else if k < 80 {
				create(name)
			}
		case k < 4:
			require.NoError(t, s.DropCollection(t.Context(), name))
			there[name] = false
		case k < 10 && !there[other]:
			require.NoError(t, s.RenameCollection(t.Context(), name, other))
			there[name], there[other] = false, true
		case k < 20:
			_, err := s.Delete(t.Context(), name, documents.Delete{Filter: raw(t, d("_id", r.Intn(10)))})
			require.NoError(t, err)
		case k < 30:
			require.NoError(t, s.Transact(t.Context(), func(s *documents.Session) error {
				for range 3 {
					put(s, name, r.Intn(10), r.Intn(100))
				}
				return nil
			}))
		default:
			put(s, name, r.Intn(10), r.Intn(100))
		}
	}
	for _, name := range names {
		if !there[name] {
			create(name)
		}
		require.NoError(t, s.SetRules(t.Context(), name, "readonly"))
		put(s, name, 1000, -1) // the last write: who has seen it has seen all
	}
	for _, w := range all {
		q := documents.Query{Filter: w.q.Filter, Sort: w.q.Sort, Limit: w.q.Limit}
		cursor, err := w.s.Find(t.Context(), w.name, q)
		require.NoError(t, err)
		found, err := documents.All(t.Context(), cursor)
		require.NoError(t, err)
		want := map[string]bson.Raw{}
		for _, doc := range found {
			want[doc.Lookup("_id").String()] = doc
		}
		end := id(1000).String()
		for w.docs[end] == nil || w.docs[end].Lookup("n").AsInt64() != -1 {
			_, err := w.next()
			require.NoError(t, err)
		}
		require.Equal(t, want, w.docs, "%s %+v %s", w.name, w.q, w.s.Caller().Role)
	}
}

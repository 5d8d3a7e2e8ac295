package mongodb_test

import (
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

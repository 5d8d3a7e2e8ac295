package documents_test

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

type job struct {
	ID    string            `bson:"_id"`
	Name  string            `bson:"name"`
	State string            `bson:"state"`
	N     int64             `bson:"n"`
	At    time.Time         `bson:"at"`
	Tags  map[string]string `bson:"tags,omitempty"`
}

func jobs(db *documents.DB, cache int) *documents.Records[job] {
	return documents.NewRecords[job](db, "jobs", documents.RecordOptions{Cache: cache, Indexes: []driver.Index{
		{Fields: []driver.IndexField{{Path: "name"}}, Unique: true},
	}})
}

func TestRecords(t *testing.T) {
	for _, cache := range []int{0, 100} {
		db := open(t)
		r := jobs(db, cache)
		ctx := t.Context()
		_, err := r.Get(ctx, "a")
		requireReason(t, yunduo.ReasonDocumentNotFound, err)
		at := time.UnixMilli(1700000000123).UTC()
		want := job{ID: "a", Name: "first", N: 1 << 40, At: at, Tags: map[string]string{"x": "y"}}
		require.NoError(t, r.Insert(ctx, "a", job{Name: "first", N: 1 << 40, At: at, Tags: map[string]string{"x": "y"}}))
		got, err := r.Get(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, want, got)
		requireReason(t, yunduo.ReasonDuplicateKey, r.Insert(ctx, "a", want))
		requireReason(t, yunduo.ReasonDuplicateKey, r.Insert(ctx, "b", job{Name: "first"}))
		requireReason(t, yunduo.ReasonDuplicateKey, r.Put(ctx, "b", job{Name: "first"}))

		require.NoError(t, r.Put(ctx, "a", job{Name: "again"}))
		got, err = r.Get(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, "again", got.Name)
		require.Zero(t, got.N, "put replaces the whole record")
		require.NoError(t, r.Put(ctx, "b", job{Name: "second", State: "new", N: 2}))

		found, err := r.Update(ctx, "a", d("$set", d("n", 5)))
		require.NoError(t, err)
		require.True(t, found)
		found, err = r.Update(ctx, "absent", d("$set", d("n", 5)))
		require.NoError(t, err)
		require.False(t, found)
		found, err = r.UpdateIf(ctx, d("_id", "a", "n", 4), d("$set", d("n", 9)))
		require.NoError(t, err)
		require.False(t, found)
		found, err = r.UpdateIf(ctx, d("_id", "a", "n", 5), d("$inc", d("n", 1)))
		require.NoError(t, err)
		require.True(t, found)
		got, err = r.Get(ctx, "a")
		require.NoError(t, err)
		require.EqualValues(t, 6, got.N)

		list, err := r.Find(ctx, d("n", d("$gt", 0)), documents.FindOptions{Sort: d("n", -1), Limit: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "a", list[0].ID)
		list, err = r.Find(ctx, nil, documents.FindOptions{Skip: 1})
		require.NoError(t, err)
		require.Len(t, list, 1)
		n, err := r.Count(ctx, nil)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)

		found, err = r.Delete(ctx, "a")
		require.NoError(t, err)
		require.True(t, found)
		found, err = r.Delete(ctx, "a")
		require.NoError(t, err)
		require.False(t, found)
		_, err = r.Get(ctx, "a")
		requireReason(t, yunduo.ReasonDocumentNotFound, err)
		gone, err := r.DeleteMany(ctx, d("state", "new"))
		require.NoError(t, err)
		require.EqualValues(t, 1, gone)
		_, err = r.Get(ctx, "b")
		requireReason(t, yunduo.ReasonDocumentNotFound, err)
	}
}

func TestRecords_MoreThanClientsMayRead(t *testing.T) {
	r := jobs(open(t), 0)
	for i := range 1200 {
		require.NoError(t, r.Insert(t.Context(), fmt.Sprint(i), job{Name: fmt.Sprint(i)}))
	}
	list, err := r.Find(t.Context(), nil, documents.FindOptions{})
	require.NoError(t, err)
	require.Len(t, list, 1200)
}

func TestRecords_InsertMany(t *testing.T) {
	r := jobs(open(t), 10)
	require.NoError(t, r.InsertMany(t.Context(), []string{"a", "b"}, []job{{Name: "1"}, {Name: "2"}}))
	requireReason(t, yunduo.ReasonDuplicateKey, r.InsertMany(t.Context(), []string{"c", "a"}, []job{{Name: "3"}, {Name: "4"}}))
	list, err := r.Find(t.Context(), nil, documents.FindOptions{})
	require.NoError(t, err)
	require.Len(t, list, 2)
}

// Of many that want the same work, each piece goes to exactly one.
func TestRecords_Take(t *testing.T) {
	r := jobs(open(t), 10)
	const pieces = 20
	for i := range pieces {
		require.NoError(t, r.Insert(t.Context(), fmt.Sprint(i), job{Name: fmt.Sprint(i), State: "new", N: int64(pieces - i)}))
	}
	first, found, err := r.Take(t.Context(), d("state", "new"), d("n", 1), d("$set", d("state", "taken")))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, fmt.Sprint(pieces-1), first.ID)
	require.Equal(t, "taken", first.State)
	var taken sync.Map
	var count atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				piece, found, err := r.Take(t.Context(), d("state", "new"), d("n", 1), d("$set", d("state", "taken")))
				if err != nil {
					t.Error(err)
					return
				}
				if !found {
					return
				}
				if _, twice := taken.LoadOrStore(piece.ID, true); twice {
					t.Errorf("%s was taken twice", piece.ID)
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, pieces-1, count.Load())
}

// Whoever reads after a write has returned sees it, whatever others read meanwhile.
func TestRecords_CacheIsNeverStale(t *testing.T) {
	r := jobs(open(t), 2)
	for _, key := range []string{"a", "b", "c"} {
		require.NoError(t, r.Insert(t.Context(), key, job{Name: key}))
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, key := range []string{"a", "b", "c"} {
					if _, err := r.Get(t.Context(), key); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := int64(1); i <= 200; i++ {
		_, err := r.Update(t.Context(), "a", d("$set", d("n", i)))
		require.NoError(t, err)
		got, err := r.Get(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, i, got.N)
	}
	close(stop)
	readers.Wait()
}

func TestRecords_LieInTheSystemApp(t *testing.T) {
	db := shop(t)
	require.NoError(t, jobs(db, 0).Insert(t.Context(), "a", job{Name: "x"}))
	doc, err := db.System().Get(t.Context(), "jobs", id("a"), nil)
	require.NoError(t, err)
	require.NotNil(t, doc)
	_, err = db.As(owner).Get(t.Context(), "jobs", id("a"), nil)
	requireReason(t, yunduo.ReasonCollectionNotFound, err)
}

func TestRecords_SurviveARestart(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		engine := openEngine(t, dir)
		db := documents.New(engine, documents.Options{})
		r := jobs(db, 0)
		require.NoError(t, r.Insert(t.Context(), fmt.Sprint(i), job{Name: fmt.Sprint(i)}))
		n, err := r.Count(t.Context(), nil)
		require.NoError(t, err)
		require.EqualValues(t, i+1, n)
		db.Close()
		require.NoError(t, engine.Close())
	}
}

func TestSealer(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	s, err := documents.NewSealer(key)
	require.NoError(t, err)
	sealed := s.Seal("secret", "here")
	require.NotContains(t, string(sealed), "secret")
	require.NotEqual(t, sealed, s.Seal("secret", "here"), "each sealing differs")
	text, err := s.Open(sealed, "here")
	require.NoError(t, err)
	require.Equal(t, "secret", text)
	_, err = s.Open(sealed, "there")
	requireReason(t, yunduo.ReasonInternal, err)
	sealed[len(sealed)-1] ^= 1
	_, err = s.Open(sealed, "here")
	requireReason(t, yunduo.ReasonInternal, err)
	_, err = s.Open([]byte("x"), "here")
	requireReason(t, yunduo.ReasonInternal, err)
	require.Nil(t, s.Seal("", "here"))
	text, err = s.Open(nil, "here")
	require.NoError(t, err)
	require.Empty(t, text)
	_, err = documents.NewSealer(key[:16])
	requireReason(t, yunduo.ReasonInvalidConfig, err)
}

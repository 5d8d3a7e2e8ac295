package documentstest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// together runs fn n times at once and requires that none fails.
func together(f *fixture, n int, fn func(i int) error) {
	f.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(f, err)
	}
}

var concurrencyTests = map[string]func(f *fixture){
	"NoLostIncrement": func(f *fixture) {
		f.insert(d("_id", 1, "n", 0))
		together(f, 16, func(i int) error {
			for range 50 {
				if _, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", 1)), Change: f.change(d("$inc", d("n", 1)))}, driver.WriteOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
		require.Equal(f, texts(f, d("_id", 1, "n", 800)), f.all())
	},
	"EachTaskTakenOnce": func(f *fixture) {
		f.createIndex(driver.Index{Name: "state", Fields: fields("state")})
		for i := range 100 {
			f.insert(d("_id", i, "state", "new"))
		}
		var mu sync.Mutex
		taken := map[int64]int{}
		together(f, 8, func(i int) error {
			for {
				u := driver.Update{Filter: f.filter(d("state", "new")), Sort: f.sort(d("_id", 1)), Change: f.change(d("$set", d("state", "taken", "by", i))), Return: driver.ReturnAfter}
				r, err := f.e.Update(f.ctx, f.ns, u, driver.WriteOptions{})
				if yunduo.ReasonOf(err) == yunduo.ReasonTransactionConflict {
					continue
				}
				if err != nil || r.Matched == 0 {
					return err
				}
				mu.Lock()
				taken[r.Document.Lookup("_id").AsInt64()]++
				mu.Unlock()
			}
		})
		require.Len(f, taken, 100)
		for id, n := range taken {
			require.Equal(f, 1, n, "task %d", id)
		}
	},
	"UniqueHolds": func(f *fixture) {
		f.createIndex(driver.Index{Name: "k", Fields: fields("k"), Unique: true})
		var mu sync.Mutex
		won := 0
		together(f, 8, func(i int) error {
			for n := range 40 {
				err := f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", fmt.Sprintf("%d-%d", i, n), "k", n))}, driver.WriteOptions{})
				switch {
				case err == nil:
					mu.Lock()
					won++
					mu.Unlock()
				case yunduo.ReasonOf(err) != yunduo.ReasonDuplicateKey:
					return err
				}
			}
			return nil
		})
		require.Equal(f, 40, won)
		require.Len(f, f.all(), 40)
	},
	"OwnWritesAreSeen": func(f *fixture) {
		together(f, 8, func(i int) error {
			for n := range 30 {
				id := fmt.Sprintf("%d-%d", i, n)
				if err := f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", id, "w", i))}, driver.WriteOptions{}); err != nil {
					return err
				}
				got, err := f.e.Count(f.ctx, f.ns, f.filter(d("w", i)), "")
				if err != nil || got != int64(n+1) {
					return fmt.Errorf("worker %d counts %d after %d inserts: %w", i, got, n+1, err)
				}
			}
			return nil
		})
	},
	"IndexBuildAmongWriters": func(f *fixture) {
		for i := range 500 {
			f.insert(d("_id", i, "a", i%10))
		}
		together(f, 5, func(i int) error {
			if i == 0 {
				return f.e.CreateIndex(f.ctx, f.ns, driver.Index{Name: "a", Fields: fields("a")})
			}
			for n := range 100 {
				id := (i*100 + n) % 500
				if _, err := f.e.Update(f.ctx, f.ns, driver.Update{Filter: f.filter(d("_id", id)), Change: f.change(d("$set", d("a", n%10)))}, driver.WriteOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
		total := 0
		for a := range 10 {
			for _, doc := range f.find(d("a", a), nil) {
				require.Contains(f, doc, fmt.Sprintf(`"a":%d`, a))
				total++
			}
		}
		require.Equal(f, 500, total)
	},
	"DropAmongWriters": func(f *fixture) {
		together(f, 5, func(i int) error {
			for n := range 30 {
				var err error
				if i == 0 {
					if err = f.e.DropCollection(f.ctx, f.ns); err == nil {
						err = f.e.CreateCollection(f.ctx, f.ns, driver.CollectionOptions{})
					}
				} else {
					err = f.e.Insert(f.ctx, f.ns, []bson.Raw{raw(d("_id", i*1000+n))}, driver.WriteOptions{})
				}
				if err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionNotFound {
					return err
				}
			}
			return nil
		})
		n, err := f.e.Count(f.ctx, f.ns, nil, "")
		require.NoError(f, err)
		require.Len(f, f.all(), int(n))
	},
}

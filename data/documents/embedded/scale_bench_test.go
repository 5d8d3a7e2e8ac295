package embedded_test

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// benchSize is how many documents a benchmark of a large store has; YUNDUO_BENCH_DOCUMENTS changes it.
func benchSize(b *testing.B, otherwise int) int {
	text := os.Getenv("YUNDUO_BENCH_DOCUMENTS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

var words = []string{"order", "paid", "garden", "river", "blue", "seven", "market", "stone", "cloud", "light", "paper", "mountain", "delivery", "street"}

// realDocument has about 500 bytes of BSON: fields of several types, and text that compresses as text does.
func realDocument(r *rand.Rand, i, fill int) bson.Raw {
	text := make([]byte, 0, fill+16)
	for len(text) < fill {
		text = append(append(text, words[r.Intn(len(words))]...), ' ')
		text = strconv.AppendInt(text, int64(r.Intn(1000)), 10)
		text = append(text, ' ')
	}
	return mustRaw(bson.D{
		{Key: "_id", Value: fmt.Sprintf("%08x%08x", uint32(i)*2654435761, i)}, {Key: "user", Value: i % 5000}, {Key: "n", Value: i},
		{Key: "x", Value: i % 1000}, {Key: "done", Value: i%2 == 0}, {Key: "at", Value: bson.DateTime(1_700_000_000_000 + int64(i)*1000)},
		{Key: "tags", Value: bson.A{words[i%7], words[i%11]}}, {Key: "where", Value: bson.D{{Key: "city", Value: words[i%5]}, {Key: "no", Value: i % 77}}},
		{Key: "body", Value: string(text)},
	})
}

func load(b *testing.B, e *embedded.Engine, ns driver.Namespace, n, fill int) {
	b.Helper()
	require.NoError(b, e.CreateCollection(b.Context(), ns, driver.CollectionOptions{}))
	require.NoError(b, e.CreateIndex(b.Context(), ns, driver.Index{Name: "user", Fields: []driver.IndexField{{Path: "user"}, {Path: "n", Descending: true}}}))
	r := rand.New(rand.NewSource(1))
	var batch []bson.Raw
	for i := range n {
		if batch = append(batch, realDocument(r, i, fill)); len(batch) == 1000 || i == n-1 {
			require.NoError(b, e.Insert(b.Context(), ns, batch, driver.WriteOptions{Silent: true}))
			batch = batch[:0]
		}
	}
}

func read(b *testing.B, e *embedded.Engine, ns driver.Namespace, find driver.Find) (n int) {
	c, err := e.Find(b.Context(), ns, find)
	require.NoError(b, err)
	for c.Next(b.Context()) {
		n++
	}
	require.NoError(b, c.Err())
	require.NoError(b, c.Close())
	return n
}

// BenchmarkScale measures a store of a million documents (YUNDUO_BENCH_DOCUMENTS): opening it, reads while 64 clients
// write, building an index meanwhile, scanning 100,000 documents, and deleting the app.
func BenchmarkScale(b *testing.B) {
	dir := b.TempDir()
	n := benchSize(b, 1_000_000)
	ns := driver.Namespace{App: "bench", Collection: "things"}
	small := driver.Namespace{App: "bench", Collection: "small"}
	e := openIn(b, dir, embedded.Options{})
	begin := time.Now()
	load(b, e, ns, n, 300)
	b.Logf("loaded %d documents with an index at %.0f per second", n, float64(n)/time.Since(begin).Seconds())
	load(b, e, small, 100_000, 300)
	require.NoError(b, e.Close())

	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			e := openIn(b, dir, embedded.Options{})
			require.Equal(b, 1, read(b, e, ns, driver.Find{Limit: 1}))
			b.StopTimer()
			require.NoError(b, e.Close())
			b.StartTimer()
		}
	})
	e = openIn(b, dir, embedded.Options{})
	b.Run("Scan100k", func(b *testing.B) {
		for b.Loop() {
			require.Zero(b, read(b, e, small, driver.Find{Filter: mustFilter(bson.D{{Key: "x", Value: -1}})}))
		}
	})
	b.Run("CountByIndex", func(b *testing.B) {
		filter := mustFilter(bson.D{{Key: "user", Value: bson.D{{Key: "$lt", Value: 500}}}})
		for b.Loop() {
			_, err := e.Count(b.Context(), ns, filter, "")
			require.NoError(b, err)
		}
	})
	b.Run("ReadsWhile64Write", func(b *testing.B) { readsWhileWriting(b, e, ns, n, func() {}) })
	b.Run("ReadsWhile64WriteAndIndex", func(b *testing.B) {
		index := driver.Index{Name: "at", Fields: []driver.IndexField{{Path: "at"}}}
		readsWhileWriting(b, e, ns, n, func() {
			begin := time.Now()
			require.NoError(b, e.CreateIndex(b.Context(), ns, index))
			b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "indexed/s")
		})
		require.NoError(b, e.DropIndex(b.Context(), ns, "at"))
	})
	b.Run("DropApp", func(b *testing.B) {
		for b.Loop() { // once: the loop forgets what was reported before
		}
		begin := time.Now()
		require.NoError(b, e.DropApp(b.Context(), "bench"))
		b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "ms")
		b.ReportMetric(0, "ns/op")
	})
	require.NoError(b, e.Close())
}

// readsWhileWriting lets 64 clients update and insert, and 4 read by _id and by index, for some seconds and for as long
// as meanwhile takes. It reports the time of reads and writes.
func readsWhileWriting(b *testing.B, e *embedded.Engine, ns driver.Namespace, n int, meanwhile func()) {
	for b.Loop() { // it forgets what was reported before
	}
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	var writes atomic.Int64
	var next atomic.Int64
	next.Store(int64(n) + 1_000_000 + rand.Int63n(1<<30))
	var slowest [64]time.Duration
	change := mustUpdate(bson.D{{Key: "$inc", Value: bson.D{{Key: "x", Value: 1}}}})
	for w := range slowest {
		wg.Go(func() {
			r := rand.New(rand.NewSource(int64(w)))
			for ctx.Err() == nil {
				begin := time.Now()
				var err error
				if r.Intn(2) == 0 {
					i := int(next.Add(1))
					err = e.Insert(ctx, ns, []bson.Raw{realDocument(r, i, 300)}, driver.WriteOptions{})
				} else {
					i := r.Intn(n)
					id := fmt.Sprintf("%08x%08x", uint32(i)*2654435761, i)
					_, err = e.Update(ctx, ns, driver.Update{Filter: mustFilter(bson.D{{Key: "_id", Value: id}}), Change: change}, driver.WriteOptions{})
				}
				if err == nil {
					writes.Add(1)
					slowest[w] = max(slowest[w], time.Since(begin))
				}
			}
		})
	}
	took := make([][]time.Duration, 4)
	sort := mustSort(bson.D{{Key: "n", Value: -1}})
	for i := range took {
		wg.Go(func() {
			r := rand.New(rand.NewSource(int64(100 + i)))
			for ctx.Err() == nil {
				begin := time.Now()
				k := r.Intn(n)
				find := driver.Find{Filter: mustFilter(bson.D{{Key: "_id", Value: fmt.Sprintf("%08x%08x", uint32(k)*2654435761, k)}})}
				if r.Intn(2) == 0 {
					find = driver.Find{Filter: mustFilter(bson.D{{Key: "user", Value: r.Intn(5000)}}), Sort: sort, Limit: 20}
				}
				c, err := e.Find(ctx, ns, find)
				if err != nil {
					continue
				}
				for c.Next(ctx) {
				}
				_ = c.Close() // the benchmark is over if that fails
				took[i] = append(took[i], time.Since(begin))
			}
		})
	}
	begin := time.Now()
	meanwhile()
	time.Sleep(max(0, 5*time.Second-time.Since(begin)))
	seconds := time.Since(begin).Seconds()
	cancel()
	wg.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all[len(all)/2]), "read-p50-ms")
	b.ReportMetric(ms(all[len(all)*99/100]), "read-p99-ms")
	b.ReportMetric(float64(len(all))/seconds, "reads/s")
	b.ReportMetric(float64(writes.Load())/seconds, "writes/s")
	b.ReportMetric(ms(slices.Max(slowest[:])), "write-max-ms")
	b.ReportMetric(0, "ns/op")
}

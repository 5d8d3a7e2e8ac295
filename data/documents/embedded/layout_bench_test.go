package embedded_test

import (
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
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

func separate(size int) func(*pebble.Options) {
	return func(o *pebble.Options) {
		o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
			return pebble.ValueSeparationPolicy{Enabled: true, MinimumSize: size, MaxBlobReferenceDepth: 10, RewriteMinimumAge: time.Minute, TargetGarbageRatio: 0.2}
		}
	}
}

func compress(settings pebble.DBCompressionSettings) func(*pebble.Options) {
	return func(o *pebble.Options) {
		o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return settings })
	}
}

// BenchmarkLayout compares ways to lay documents out on disk: compression, value separation, and a cache that holds all
// of the data or a tenth of it. Each row is a store that was loaded and compacted.
func BenchmarkLayout(b *testing.B) {
	for _, document := range []struct {
		name     string
		n, fill  int
		ns       driver.Namespace
		expected int64 // bytes of BSON, about
	}{
		{name: "500B", n: benchSize(b, 200_000), fill: 300, expected: 500},
		{name: "8KiB", n: benchSize(b, 200_000) / 16, fill: 8000, expected: 8200},
	} {
		document.ns = driver.Namespace{App: "bench", Collection: "things"}
		for _, layout := range []struct {
			name string
			tune func(*pebble.Options)
		}{
			{"none", compress(pebble.DBCompressionNone)},
			{"snappy", compress(pebble.DBCompressionFastest)},
			{"balanced", compress(pebble.DBCompressionBalanced)},
			{"good", compress(pebble.DBCompressionGood)},
			{"separate1KiB", separate(1 << 10)},
			{"separate4KiB", separate(4 << 10)},
		} {
			b.Run(document.name+"/"+layout.name, func(b *testing.B) {
				dir := b.TempDir()
				o := embedded.Tuned(embedded.Options{DiskReserve: -1}, layout.tune)
				e := openIn(b, dir, o)
				begin := time.Now()
				load(b, e, document.ns, document.n, document.fill)
				loaded := time.Since(begin)
				require.NoError(b, e.Compact(b.Context()))
				size := e.DiskBytes()
				require.NoError(b, e.Close())
				raw := int64(document.n) * document.expected
				for _, cache := range []struct {
					name  string
					bytes int64
				}{{"tenth", raw / 10}, {"all", raw * 3}} {
					b.Run("cache="+cache.name, func(b *testing.B) {
						o := o
						o.CacheBytes = cache.bytes
						e := openIn(b, dir, o)
						measureReads(b, e, document.ns, document.n)
						b.ReportMetric(float64(size)/(1<<20), "MiB")
						b.ReportMetric(float64(document.n)/loaded.Seconds(), "loaded/s")
						require.NoError(b, e.Close())
					})
				}
			})
		}
	}
}

// measureReads reports how many documents are got by _id and lists of 20 by index are read in a second by one reader,
// and how many documents a scan with a filter reads.
func measureReads(b *testing.B, e *embedded.Engine, ns driver.Namespace, n int) {
	r := rand.New(rand.NewSource(2))
	get := func() {
		i := r.Intn(n)
		id := fmt.Sprintf("%08x%08x", uint32(i)*2654435761, i)
		require.Equal(b, 1, read(b, e, ns, driver.Find{Filter: mustFilter(bson.D{{Key: "_id", Value: id}})}))
	}
	sort := mustSort(bson.D{{Key: "n", Value: -1}})
	list := func() {
		read(b, e, ns, driver.Find{Filter: mustFilter(bson.D{{Key: "user", Value: r.Intn(min(5000, n))}}), Sort: sort, Limit: 20})
	}
	scan := func() { read(b, e, ns, driver.Find{Filter: mustFilter(bson.D{{Key: "x", Value: -1}})}) }
	scan() // and fills the cache
	per := func(times int, what func()) float64 {
		begin := time.Now()
		for range times {
			what()
		}
		return float64(times) / time.Since(begin).Seconds()
	}
	for b.Loop() {
	}
	b.ReportMetric(per(20_000, get), "gets/s")
	b.ReportMetric(per(2000, list), "lists/s")
	b.ReportMetric(per(3, scan)*float64(n), "scanned/s")
	b.ReportMetric(0, "ns/op")
}

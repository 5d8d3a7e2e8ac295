//go:build linux

package embedded_test

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sys/unix"

	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

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
			{"fastest", compress(pebble.DBCompressionFastest)},
			{"balanced", compress(pebble.DBCompressionBalanced)},
			{"good", compress(pebble.DBCompressionGood)},
			{"fastest+separate1KiB", separate(1 << 10)},
			{"fastest+separate4KiB", separate(4 << 10)},
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

// measureReads reports what it takes to get a document by _id, to read a list of 20 by index, and a document of a scan
// with a filter.
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
	scan()         // and fills the cache
	for b.Loop() { // it forgets what was reported before
	}
	b.ReportMetric(cpu(20_000, get), "us/get")
	b.ReportMetric(cpu(2000, list), "us/list")
	b.ReportMetric(cpu(5, scan)*1000/float64(n), "ns/scanned")
	b.ReportMetric(0, "ns/op")
}

// cpu returns the microseconds of processor time that one call takes. The files are in the page cache, so that this is
// most of the time, and others on the machine do not disturb it much.
func cpu(times int, what func()) float64 {
	used := func() float64 {
		var u unix.Rusage
		if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
			return 0
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1000
	}
	begin := used()
	for range times {
		what()
	}
	return (used() - begin) / float64(times)
}

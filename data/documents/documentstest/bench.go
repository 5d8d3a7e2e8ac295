package documentstest

import (
	"fmt"
	"math/rand"
	"strings"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// benchDocuments is how many documents the reading benchmarks have.
const benchDocuments = 50_000

// Bench measures an engine: durable inserts, reads, indexed finds, increments of one document, scans.
func Bench(b *testing.B, open func(b *testing.B) driver.Engine) {
	e := open(b)
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("Insert/writers=%d", writers), func(b *testing.B) { benchInsert(b, e, writers) })
		b.Run(fmt.Sprintf("HotInc/writers=%d", writers), func(b *testing.B) { benchInc(b, e, writers) })
	}
	ns := benchCollection(b, e)
	var batch []bson.Raw
	for i := range benchDocuments {
		if batch = append(batch, benchDocument(i)); len(batch) == 500 {
			must(b, e.Insert(b.Context(), ns, batch, driver.WriteOptions{Silent: true}))
			batch = nil
		}
	}
	b.Run("Get", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for r := rand.New(rand.NewSource(rand.Int63())); pb.Next(); {
				benchFind(b, e, ns, 1, driver.Find{Filter: parse(b, d("_id", r.Intn(benchDocuments)))})
			}
		})
	})
	b.Run("IndexedFind20", func(b *testing.B) {
		sort, err := query.ParseSort(raw(d("n", -1)))
		must(b, err)
		b.RunParallel(func(pb *testing.PB) {
			for r := rand.New(rand.NewSource(rand.Int63())); pb.Next(); {
				benchFind(b, e, ns, 20, driver.Find{Filter: parse(b, d("user", r.Intn(500))), Sort: sort, Limit: 20})
			}
		})
	})
	b.Run("Scan", func(b *testing.B) {
		filter := parse(b, d("x", -1))
		for b.Loop() {
			benchFind(b, e, ns, 0, driver.Find{Filter: filter})
		}
		b.ReportMetric(float64(benchDocuments)*float64(b.N)/b.Elapsed().Seconds(), "documents/s")
	})
}

func benchCollection(b *testing.B, e driver.Engine) driver.Namespace {
	ns := driver.Namespace{App: yunduo.AppID("b" + yunduo.NewID()), Collection: "things"}
	must(b, e.CreateCollection(b.Context(), ns, driver.CollectionOptions{}))
	must(b, e.CreateIndex(b.Context(), ns, driver.Index{Name: "user", Fields: fields("user", "-n")}))
	return ns
}

func benchDocument(i int) bson.Raw {
	return raw(d("_id", i, "user", i%500, "n", i, "x", i%1000, "title", fmt.Sprint("title ", i), "tags", bson.A{"red", "green"},
		"where", d("city", "Shenzhen", "street", i%77), "done", i%2 == 0, "body", strings.Repeat("word ", 60)))
}

func benchInsert(b *testing.B, e driver.Engine, writers int) {
	ns := benchCollection(b, e)
	var next atomic.Int64
	benchWriters(b, writers, func() error {
		doc := benchDocument(int(next.Add(1)))
		return e.Insert(b.Context(), ns, []bson.Raw{doc}, driver.WriteOptions{})
	})
}

func benchInc(b *testing.B, e driver.Engine, writers int) {
	ns := benchCollection(b, e)
	must(b, e.Insert(b.Context(), ns, []bson.Raw{raw(d("_id", 1, "hits", 0))}, driver.WriteOptions{}))
	change, err := query.ParseUpdate(raw(d("$inc", d("hits", 1))))
	must(b, err)
	filter := parse(b, d("_id", 1))
	benchWriters(b, writers, func() error {
		_, err := e.Update(b.Context(), ns, driver.Update{Filter: filter, Change: change}, driver.WriteOptions{})
		return err
	})
}

// benchWriters runs write b.N times in several goroutines at once.
func benchWriters(b *testing.B, writers int, write func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error, writers)
	b.ResetTimer()
	for range writers {
		go func() {
			for left.Add(-1) >= 0 {
				if err := write(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		must(b, <-done)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

func benchFind(b *testing.B, e driver.Engine, ns driver.Namespace, want int, find driver.Find) {
	c, err := e.Find(b.Context(), ns, find)
	if err != nil {
		b.Error(err)
		return
	}
	n := 0
	for c.Next(b.Context()) {
		n++
	}
	if c.Err() != nil || c.Close() != nil || n != want {
		b.Errorf("found %d of %d: %v", n, want, c.Err())
	}
}

func parse(b *testing.B, filter bson.D) *query.Filter {
	f, err := query.ParseFilter(raw(filter))
	must(b, err)
	return f
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

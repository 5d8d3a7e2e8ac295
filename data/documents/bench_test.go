package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

func BenchmarkRecordsGetCached(b *testing.B) {
	r := jobs(open(b), 10)
	require.NoError(b, r.Insert(b.Context(), "a", job{Name: "x"}))
	for b.Loop() {
		if _, err := r.Get(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

var sessionCallers = map[string]yunduo.Caller{"owner": owner, "user": li}

func BenchmarkSessionFind(b *testing.B) {
	for name, caller := range sessionCallers {
		b.Run(name, func(b *testing.B) {
			db := shop(b)
			s := db.As(li)
			fill(b, s, 1000)
			s = db.As(caller)
			query := documents.Query{Filter: raw(b, d("_id", 500)), Limit: 1}
			b.ReportAllocs()
			for b.Loop() {
				cursor, err := s.Find(b.Context(), "notes", query)
				if err != nil {
					b.Fatal(err)
				}
				if rows, err := documents.All(b.Context(), cursor); err != nil || len(rows) != 1 {
					b.Fatal(err, len(rows))
				}
			}
		})
	}
}

// The engine alone, to compare the session with.
func BenchmarkEngineFind(b *testing.B) {
	engine := openEngine(b, b.TempDir())
	defer engine.Close()
	db := documents.New(engine, documents.Options{})
	require.NoError(b, db.As(owner).CreateCollection(b.Context(), "notes"))
	fill(b, db.As(owner), 1000)
	find := driver.Find{Filter: filter(b, d("_id", 500)), Limit: 1}
	b.ReportAllocs()
	for b.Loop() {
		cursor, err := engine.Find(b.Context(), driver.Namespace{App: "shop", Collection: "notes"}, find)
		if err != nil {
			b.Fatal(err)
		}
		if rows, err := documents.All(b.Context(), cursor); err != nil || len(rows) != 1 {
			b.Fatal(err, len(rows))
		}
	}
}

func BenchmarkSessionInsert(b *testing.B) {
	for name, caller := range sessionCallers {
		b.Run(name, func(b *testing.B) {
			s := shop(b).As(caller)
			doc := []bson.Raw{raw(b, d("title", "a note", "text", "some text of a usual length", "n", 1, "tags", bson.A{"a", "b"}))}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Insert(b.Context(), "notes", doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package query_test

import (
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query"
)

// sample is a usual document of about 500 bytes.
func sample(b *testing.B) bson.Raw {
	return doc(b, `{"_id":{"$oid":"5f8d0d55b54764421b7156d9"},"userId":"u123456","status":"open","n":42,"price":9.5,"at":{"$date":1709210096789},"tags":["red","green","blue"],"author":{"name":"Li","age":30},"text":"`+strings.Repeat("some random words ", 17)+`"}`)
}

func BenchmarkMatch(b *testing.B) {
	document := sample(b)
	for _, c := range []struct{ name, filter string }{
		{"equality", `{"userId":"u123456"}`}, {"two", `{"status":"open","n":{"$gt":10}}`}, {"nested", `{"author.age":{"$gte":30}}`}, {"array", `{"tags":"blue"}`}, {"in", `{"userId":{"$in":["a","b","c","u123456"]}}`},
		{"or", `{"$or":[{"n":1},{"status":"open"}]}`}, {"regex", `{"userId":{"$regex":"^u12"}}`}, {"miss", `{"status":"closed","n":{"$gt":10}}`},
	} {
		f := filter(b, c.filter)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Match(document)
			}
		})
	}
}

func BenchmarkParseFilter(b *testing.B) {
	raw := doc(b, `{"status":"open","n":{"$gt":10},"tags":{"$in":["a","b"]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := query.ParseFilter(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBounds(b *testing.B) {
	f := filter(b, `{"status":"open","n":{"$gt":10},"tags":{"$in":["a","b"]}}`)
	b.ReportAllocs()
	for b.Loop() {
		f.Bounds()
	}
}

func BenchmarkUpdate(b *testing.B) {
	document := sample(b)
	for _, c := range []struct{ name, update string }{
		{"set", `{"$set":{"status":"closed"}}`}, {"inc", `{"$inc":{"n":1}}`}, {"nested", `{"$set":{"author.age":31}}`}, {"push", `{"$push":{"tags":"new"}}`}, {"several", `{"$inc":{"n":1},"$push":{"tags":"new"},"$set":{"status":"x","fresh":1}}`},
	} {
		u := update(b, c.update)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := u.Apply(document, query.ApplyContext{Now: now}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkProjection(b *testing.B) {
	document := sample(b)
	p, err := query.ParseProjection(doc(b, `{"userId":1,"author.name":1,"n":1}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Apply(document); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSortKey(b *testing.B) {
	document := sample(b)
	s := parseSort(b, `{"status":1,"n":-1}`)
	b.ReportAllocs()
	var key []byte
	for b.Loop() {
		key, _ = s.AppendKey(key[:0], document)
	}
}

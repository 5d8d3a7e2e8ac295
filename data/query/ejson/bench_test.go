package ejson_test

import (
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/ejson"
)

// sample is a usual document of about 500 bytes.
func sample(b *testing.B) bson.Raw {
	doc, err := bson.Marshal(bson.D{
		{Key: "_id", Value: bson.ObjectID{1, 2, 3}}, {Key: "userId", Value: "u123456"}, {Key: "status", Value: "open"}, {Key: "n", Value: int32(42)}, {Key: "price", Value: 9.5},
		{Key: "at", Value: time.UnixMilli(1709210096789)}, {Key: "tags", Value: bson.A{"red", "green", "blue"}}, {Key: "author", Value: bson.D{{Key: "name", Value: "Li"}, {Key: "age", Value: int32(30)}}},
		{Key: "text", Value: strings.Repeat("some random words ", 17)},
	})
	if err != nil {
		b.Fatal(err)
	}
	return doc
}

func BenchmarkAppend(b *testing.B) {
	doc := sample(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = ejson.Append(buf[:0], doc)
	}
}

func BenchmarkAppendByDriver(b *testing.B) {
	doc := sample(b)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bson.MarshalExtJSON(doc, false, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := ejson.Append(nil, sample(b))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ejson.Parse(text, ejson.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseByDriver(b *testing.B) {
	text := ejson.Append(nil, sample(b))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var doc bson.Raw
		if err := bson.UnmarshalExtJSON(text, false, &doc); err != nil {
			b.Fatal(err)
		}
	}
}

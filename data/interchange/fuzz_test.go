package interchange_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"yunduo/data/interchange"
	"yunduo/data/query/value"
)

// FuzzReader reads files of strangers: every document that comes out is well-formed, and reading ends.
func FuzzReader(f *testing.F) {
	for i, format := range formats {
		f.Add(uint8(i), write(f, format, everything(f)))
	}
	f.Add(uint8(1), []byte("[{\"a\":1},\n{\"b\":[]}]"))
	f.Add(uint8(1), []byte("{\n\"a\":{}}\n{}"))
	f.Add(uint8(2), []byte("a.b,c.date(),d\n1,2018-01-01,\"x\"\"\"\n"))
	f.Fuzz(func(t *testing.T, n uint8, text []byte) {
		r, err := interchange.NewReader(bytes.NewReader(text), formats[int(n)%len(formats)], interchange.Options{})
		if err != nil {
			return
		}
		for range 2*len(text) + 2 {
			record, err := r.Next()
			if rejected := (*interchange.Rejection)(nil); errors.As(err, &rejected) {
				if rejected.Number < 1 || rejected.Error() == "" {
					t.Fatalf("a rejection says nothing: %+v", rejected)
				}
				continue
			}
			if err != nil {
				if errors.Is(err, io.ErrNoProgress) {
					t.Fatal(err)
				}
				return
			}
			if err := value.Validate(record.Document); err != nil {
				t.Fatal(err)
			}
		}
		t.Fatal("reading does not end")
	})
}

// FuzzMetadata reads descriptions of strangers.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"indexes":[{"key":{"a":1,"b":"2dsphere"},"name":"x","unique":true,"expireAfterSeconds":5}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		indexes, _, err := interchange.ParseMetadata(text)
		if err != nil {
			return
		}
		for _, index := range indexes {
			if len(index.Fields) == 0 {
				t.Fatal("an index without fields")
			}
		}
	})
}

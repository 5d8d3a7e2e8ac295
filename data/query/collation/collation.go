// Package collation says how texts compare: by their bytes, or as people of a language expect it. It knows the
// collations of golang.org/x/text.
package collation

import (
	"bytes"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// Collation is an order of texts. A nil *Collation is the simple one, by bytes. It is immutable and safe for
// concurrent use.
type Collation struct {
	raw     bson.Raw
	tag     language.Tag
	workers sync.Pool // of *worker
}

// worker computes keys. It is not safe for concurrent use.
type worker struct {
	collator *collate.Collator
	buffer   collate.Buffer
}

func newCollation(raw bson.Raw, tag language.Tag) *Collation {
	c := &Collation{raw: bytes.Clone(raw), tag: tag}
	c.workers.New = func() any { return &worker{collator: collate.New(tag)} }
	return c
}

// AppendKey appends bytes that order as the texts do: those of equal texts are equal. One key may be a prefix of
// another. With the simple collation the key is the text itself.
func (c *Collation) AppendKey(dst, text []byte) []byte {
	if c == nil {
		return append(dst, text...)
	}
	w := c.workers.Get().(*worker)
	w.buffer.Reset()
	dst = append(dst, w.collator.Key(&w.buffer, text)...)
	c.workers.Put(w)
	return dst
}

// Compare returns -1, 0 or 1 as a sorts before, with or behind b.
func (c *Collation) Compare(a, b []byte) int {
	if c == nil || bytes.Equal(a, b) {
		return bytes.Compare(a, b)
	}
	var bufferA, bufferB [128]byte
	return bytes.Compare(c.AppendKey(bufferA[:0], a), c.AppendKey(bufferB[:0], b))
}

// Raw returns the collation as it was written, nil for the simple one. It must not be changed.
func (c *Collation) Raw() bson.Raw {
	if c == nil {
		return nil
	}
	return c.raw
}

// Same reports whether two collations order all texts alike.
func Same(a, b *Collation) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.tag.String() == b.tag.String()
}

package query

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// Engines that pass the language on need it as it was written. What these methods return must not be changed.

// Raw returns the update as it was given: a document, or an array of stages. It is the zero value for one that only
// Apply can do: a pipeline that leaves a field as it is.
func (u *Update) Raw() bson.RawValue { return u.raw }

// Collation returns how the update's operators and array filters compare texts.
func (u *Update) Collation() *collation.Collation { return u.by }

// ArrayFilters returns the conditions that $[name] parts of paths stand for, as they were given.
func (u *Update) ArrayFilters() []bson.Raw { return u.named }

// Raw returns the projection as it was given, an empty document for nil.
func (p *Projection) Raw() bson.Raw {
	if p == nil {
		return emptyDocument
	}
	return p.raw
}

// Raw returns the order as a sort document, an empty one for nil.
func (s *Sort) Raw() bson.Raw {
	out := value.BeginDocument(nil)
	for _, f := range s.Fields() {
		direction := int64(1)
		if f.Descending {
			direction = -1
		}
		out = value.Append(out, f.Path, value.Int(direction))
	}
	return value.EndDocument(out, 0)
}

func cloneAll(raws []bson.Raw) []bson.Raw {
	clones := make([]bson.Raw, len(raws))
	for i, raw := range raws {
		clones[i] = bytes.Clone(raw)
	}
	return clones
}

package expr

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

func clone(v bson.RawValue) bson.RawValue {
	return bson.RawValue{Type: v.Type, Value: bytes.Clone(v.Value)}
}

// keepState keeps one value: the first, last, least or greatest.
type keepState struct {
	op   string
	by   *collation.Collation
	any  bool
	kept bson.RawValue
}

func (s *keepState) add(v bson.RawValue) (int, error) {
	switch s.op {
	case "$first":
		if s.any {
			return 0, nil
		}
	case "$min", "$max":
		if value.Nullish(v) {
			return 0, nil
		}
		if s.any {
			if c := value.CompareBy(s.by, v, s.kept); s.op == "$min" && c >= 0 || s.op == "$max" && c <= 0 {
				return 0, nil
			}
		}
	}
	grown := len(v.Value) - len(s.kept.Value)
	s.kept.Type, s.kept.Value = v.Type, append(s.kept.Value[:0], v.Value...)
	s.any = true
	return grown, nil
}

func (s *keepState) result() (bson.RawValue, error) { return s.kept, nil }

// pushState collects values; with members, each distinct one once.
type pushState struct {
	array   arrayBuilder
	members *set
	key     []byte
}

func (s *pushState) add(v bson.RawValue) (int, error) {
	if v.Type == 0 {
		return 0, nil
	}
	before := len(s.array.bytes)
	if s.members != nil {
		var err error
		if s.key, err = value.AppendKeyBy(s.members.by, s.key[:0], v); err != nil || s.members.keys[string(s.key)] {
			return 0, err
		}
		s.members.keys[string(s.key)] = true
		before -= len(s.key) + 64 // about what a map entry takes
	}
	err := s.array.push(v)
	return len(s.array.bytes) - before, err
}

func (s *pushState) result() (bson.RawValue, error) {
	done := s.array // the fold may go on
	done.bytes = bytes.Clone(done.bytes)
	return done.done(), nil
}

// mergeState merges objects, the last value of a field wins.
type mergeState struct{ mergeBuilder }

func (s *mergeState) add(v bson.RawValue) (int, error) {
	if value.Nullish(v) {
		return 0, nil
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return 0, failed(s.op, "only objects can be merged, not %s", typeName(v))
	}
	v = clone(v)
	for w := walk(v.Value); w.next(); {
		s.set(w.key(), w.value)
	}
	return len(v.Value), nil
}

func (s *mergeState) result() (bson.RawValue, error) { return s.mergeBuilder.done() }

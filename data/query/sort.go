package query

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// Sort is an order of documents. A nil *Sort has no fields and finds all documents equal.
type Sort struct {
	fields []SortField
	paths  []value.Path
	by     *collation.Collation
}

// SortField is one key of an order.
type SortField struct {
	Path       string
	Descending bool
}

const maxSortFields = language.MaxSortFields

// ParseSort compiles a sort document such as {price: 1, at: -1}; nil or an empty document gives nil. It returns
// invalid_request when the form is wrong.
func ParseSort(raw bson.Raw) (*Sort, error) {
	if value.IsEmpty(raw) {
		return nil, nil
	}
	raw = bytes.Clone(raw)
	s := &Sort{}
	for it := value.Elements(raw); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		path := string(key)
		direction, isNumber := value.Int64(v)
		switch {
		case path == "" || path[0] == '$' || path[0] == '.' || path[len(path)-1] == '.' || bytes.Contains(key, []byte("..")):
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the sort has the path '%s', which cannot name a field", path)
		case !isNumber || (direction != 1 && direction != -1):
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the sort by '%s' needs the direction 1 or -1", path)
		case len(s.fields) == maxSortFields:
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the sort has more than %d fields", maxSortFields)
		}
		s.fields = append(s.fields, SortField{path, direction == -1})
		s.paths = append(s.paths, value.ParsePath(path))
	}
	return s, nil
}

// By returns the sort with texts in the order of a collation.
func (s *Sort) By(by *collation.Collation) *Sort {
	if s == nil || by == nil {
		return s
	}
	collated := *s
	collated.by = by
	return &collated
}

// Collation returns the order of texts, nil for that of their bytes.
func (s *Sort) Collation() *collation.Collation {
	if s == nil {
		return nil
	}
	return s.by
}

// Fields returns the keys in order of weight; the slice must not be changed.
func (s *Sort) Fields() []SortField {
	if s == nil {
		return nil
	}
	return s.fields
}

// Compare orders two documents; 0 means that the sort does not decide and the caller orders them by _id. A missing
// field counts as null; of an array the smallest element counts when ascending, the greatest when descending.
func (s *Sort) Compare(a, b bson.Raw) int {
	for i := range s.Fields() {
		if c := value.CompareBy(s.by, s.key(i, a), s.key(i, b)); c != 0 {
			if s.fields[i].Descending {
				return -c
			}
			return c
		}
	}
	return 0
}

// key returns the value by which field i sorts doc.
func (s *Sort) key(i int, doc bson.Raw) (key bson.RawValue) {
	first, descending := true, s.fields[i].Descending
	s.paths[i].IndexKeys(doc, func(v bson.RawValue) {
		if first || (value.CompareBy(s.by, v, key) > 0) == descending {
			first, key = false, v
		}
	})
	return key
}

// AppendKey appends doc's sort key: keys of two documents order as Compare orders the documents.
func (s *Sort) AppendKey(dst []byte, doc bson.Raw) ([]byte, error) {
	for i, field := range s.Fields() {
		var err error
		if field.Descending {
			dst, err = value.AppendKeyDescendingBy(s.by, dst, s.key(i, doc))
		} else {
			dst, err = value.AppendKeyBy(s.by, dst, s.key(i, doc))
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

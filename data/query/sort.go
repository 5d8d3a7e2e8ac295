package query

import "go.mongodb.org/mongo-driver/v2/bson"

// Sort is an order of documents. A nil *Sort has no fields and finds all documents equal.
type Sort struct {
	fields []SortField
}

// SortField is one key of an order.
type SortField struct {
	Path       string
	Descending bool
}

// ParseSort compiles a sort document such as {price: 1, at: -1}; nil or an empty document gives nil. It returns
// invalid_request when the form is wrong.
func ParseSort(raw bson.Raw) (*Sort, error) { return nil, nil }

// Fields returns the keys in order of weight.
func (s *Sort) Fields() []SortField { return nil }

// Compare orders two documents; 0 means that the sort does not decide and the caller orders them by _id.
func (s *Sort) Compare(a, b bson.Raw) int { return 0 }

// AppendKey appends doc's sort key: keys of two documents order as Compare orders the documents.
func (s *Sort) AppendKey(dst []byte, doc bson.Raw) ([]byte, error) { return dst, nil }

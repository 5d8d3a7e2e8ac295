package query

import (
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Update is a parsed change of a document: update operators or a whole replacement document. It is immutable and
// safe for concurrent use.
type Update struct{}

// ApplyContext is what applying an update depends on beside the document.
type ApplyContext struct {
	Now    time.Time // for $currentDate
	Insert bool      // the document is being made by an upsert: $setOnInsert applies
	Filter *Filter   // the filter that found the document: for the positional operator $
}

// ParseUpdate compiles update operators, or a replacement document when no field starts with $. It returns
// invalid_update when the form is wrong and unknown_operator when an operator does not exist here.
func ParseUpdate(raw bson.Raw) (*Update, error) { return &Update{}, nil }

// WithArrayFilters returns the update with the conditions that its $[name] path components stand for, one document
// per name, such as {"e.grade": {$gt: 80}}. It returns invalid_update when names and paths do not fit.
func (u *Update) WithArrayFilters(filters []bson.Raw) (*Update, error) { return u, nil }

// Apply returns the changed document and whether it differs from doc. On an error (update_not_applicable) nothing
// is changed; doc itself is never modified.
func (u *Update) Apply(doc bson.Raw, ctx ApplyContext) (changed bson.Raw, differs bool, err error) {
	return doc, false, nil
}

// IsReplacement reports whether the update replaces the whole document.
func (u *Update) IsReplacement() bool { return false }

// Paths returns the paths that the update may change, without those below another; nil for a replacement.
func (u *Update) Paths() []string { return nil }

// UpsertDocument makes the document that an upsert inserts when nothing matched f: the filter's equalities, then the
// update. newID is its _id when neither gives one.
func UpsertDocument(f *Filter, u *Update, newID bson.RawValue, now time.Time) (bson.Raw, error) {
	return nil, nil
}

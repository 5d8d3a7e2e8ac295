package query

import (
	"bytes"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// UpsertDocument makes the document that an upsert inserts when nothing matched f: the filter's equalities, then the
// update. newID is its _id when neither gives one. It returns update_not_applicable when the equalities contradict
// each other or the update cannot be applied to them.
func UpsertDocument(f *Filter, u *Update, newID bson.RawValue, now time.Time) (bson.Raw, error) {
	base := &change{}
	taken := map[string]bson.RawValue{}
	for _, equality := range f.Equalities() {
		// A condition that stands twice, as when a security rule repeats the caller's own, is one.
		if before, twice := taken[equality.Path]; twice && before.Type == equality.Value.Type && bytes.Equal(before.Value, equality.Value.Value) {
			continue
		}
		taken[equality.Path] = equality.Value
		if u.IsReplacement() && equality.Path != "_id" {
			continue
		}
		if strings.Contains(equality.Path, "$") {
			continue // a part of a database reference
		}
		if err := base.add(equality.Path, setOperation{equality.Value}); err != nil {
			return nil, language.Errorf(language.NotSingleValueField, yunduo.ReasonUpdateNotApplicable, "an upsert cannot take the field '%s' from the filter: %s", equality.Path, yunduo.AsError(err).Message)
		}
	}
	start, _, err := (&Update{root: base}).Apply(emptyDocument, ApplyContext{})
	if err != nil {
		return nil, err
	}
	doc, _, err := u.Apply(start, ApplyContext{Now: now, Insert: true})
	if err != nil {
		return nil, err
	}
	id, ok := value.Field(doc, "_id")
	if !ok {
		id = newID
	}
	return withID(doc, id), nil
}

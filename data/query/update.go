package query

import (
	"bytes"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/internal/pattern"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// Update is a parsed change of a document: update operators, a whole replacement document or a pipeline. It is immutable
// and safe for concurrent use.
type Update struct {
	raw         bson.RawValue
	named       []bson.Raw // the array filters
	replacement bson.Raw   // nil for operators and pipelines
	root        *change
	filters     map[string]*Filter // by the name in $[name]
	rewriter    Rewriter           // nil unless it is a pipeline
	fixed       string             // a field that a pipeline leaves as it is, if not empty
	inserted    bson.RawValue      // what the fixed field of an inserted document is
	by          *collation.Collation
}

// Rewriter makes of a document what a pipeline makes of it.
type Rewriter interface {
	// Rewrite returns the changed document, which shares no memory with doc that the caller may change. now is $$NOW.
	Rewrite(doc bson.Raw, now time.Time) (bson.Raw, error)
	// Stages returns the pipeline as it was written.
	Stages() []bson.Raw
}

// RewritingUpdate returns the update that rewrites each document; package pipeline parses such ones.
func RewritingUpdate(by *collation.Collation, r Rewriter) *Update {
	stages := make([]bson.RawValue, len(r.Stages()))
	for i, s := range r.Stages() {
		stages[i] = value.Document(s)
	}
	return &Update{raw: value.ArrayOf(stages...), rewriter: r, by: by}
}

// ApplyContext is what applying an update depends on beside the document.
type ApplyContext struct {
	Now    time.Time // for $currentDate
	Insert bool      // the document is being made by an upsert: $setOnInsert applies
	Filter *Filter   // the filter that found the document: for the positional operator $
}

func invalidUpdate(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidUpdate, format, args...)
}

func notApplicable(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonUpdateNotApplicable, format, args...)
}

// notViable says that a path leads through something that has no fields.
func notViable(format string, args ...any) error {
	return language.Errorf(language.PathNotViable, yunduo.ReasonUpdateNotApplicable, format, args...)
}

func changedID() error {
	return language.Errorf(language.ImmutableField, yunduo.ReasonUpdateNotApplicable, "the field '_id' cannot be changed")
}

// ParseUpdate compiles update operators, or a replacement document when no field starts with $. It returns
// invalid_update when the form is wrong and unknown_operator when an operator does not exist here.
func ParseUpdate(raw bson.Raw) (*Update, error) { return ParseUpdateBy(nil, raw) }

// ParseUpdateBy is ParseUpdate for a change whose operators, and array filters, compare texts by a collation.
func ParseUpdateBy(by *collation.Collation, raw bson.Raw) (*Update, error) {
	if raw == nil {
		return nil, invalidUpdate("there is no update")
	}
	if err := value.Validate(raw); err != nil {
		return nil, invalidUpdate("the update cannot be read: %s", yunduo.AsError(err).Message)
	}
	raw = bytes.Clone(raw) // the tree points into it, and the caller may reuse its memory
	operators, fields := 0, 0
	for it := value.Elements(raw); ; {
		key, _, ok := it.Next()
		if !ok {
			break
		}
		if len(key) > 0 && key[0] == '$' {
			operators++
		} else {
			fields++
		}
	}
	switch {
	case operators == 0:
		return &Update{raw: value.Document(raw), replacement: raw}, nil
	case fields > 0:
		return nil, invalidUpdate("the update has both operators and plain fields; put the fields into $set")
	}
	root, err := parseChanges(by, raw)
	if err != nil {
		return nil, err
	}
	return &Update{raw: value.Document(raw), root: root, by: by}, nil
}

// Apply returns the changed document and whether it differs from doc. On an error (update_not_applicable) nothing
// is changed; doc itself is never modified. The _id cannot change; a replacement keeps it. The result may share
// memory with doc only if nothing differs.
func (u *Update) Apply(doc bson.Raw, ctx ApplyContext) (changed bson.Raw, differs bool, err error) {
	defer pattern.Recover(&err, tooSlow)
	oldID, hasID := value.Field(doc, "_id")
	switch {
	case u.replacement != nil:
		changed, err = u.replace(oldID)
	case u.rewriter != nil:
		changed, err = u.rewrite(doc, ctx)
	default:
		a := application{update: u, context: ctx, doc: doc}
		_, changed, err = a.append(make([]byte, 0, len(doc)+len(doc)/8+64), u.root, value.Document(doc))
	}
	if err != nil {
		return nil, false, err
	}
	if bytes.Equal(changed, doc) {
		return doc, false, nil
	}
	if newID, _ := value.Field(changed, "_id"); hasID && (newID.Type != oldID.Type || !bytes.Equal(newID.Value, oldID.Value)) {
		return nil, false, changedID()
	}
	return changed, true, nil
}

// replace makes the replacement document with the _id first.
func (u *Update) replace(id bson.RawValue) (bson.Raw, error) {
	own, hasOwn := value.Field(u.replacement, "_id")
	switch {
	case !hasOwn:
		own = id
	case id.Type != 0 && !value.Equal(own, id):
		return nil, changedID()
	case id.Type != 0:
		own = id
	}
	return withID(u.replacement, own), nil
}

// withID returns doc with this _id as its first field; a missing one adds none.
func withID(doc bson.Raw, id bson.RawValue) bson.Raw {
	dst := value.Append(value.BeginDocument(make([]byte, 0, len(doc)+len(id.Value)+16)), "_id", id)
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			return value.EndDocument(dst, 0)
		}
		if string(key) != "_id" {
			dst = value.AppendElement(dst, key, v)
		}
	}
}

// rewrite runs the pipeline. A result without an _id keeps the old one.
func (u *Update) rewrite(doc bson.Raw, ctx ApplyContext) (bson.Raw, error) {
	changed, err := u.rewriter.Rewrite(doc, ctx.Now)
	if err != nil {
		return nil, err
	}
	if u.fixed != "" {
		kept, _ := value.Field(doc, u.fixed)
		if ctx.Insert {
			kept = u.inserted
		}
		changed = withField(changed, u.fixed, kept)
	}
	id, ok := value.Field(changed, "_id")
	if !ok {
		id, _ = value.Field(doc, "_id")
	}
	return withID(changed, id), nil
}

// withField returns doc with a field set at its place or at the end; a missing value removes it.
func withField(doc bson.Raw, name string, v bson.RawValue) bson.Raw {
	dst := value.BeginDocument(make([]byte, 0, len(doc)+len(name)+len(v.Value)+8))
	done := false
	for it := value.Elements(doc); ; {
		key, old, ok := it.Next()
		if !ok {
			break
		}
		if string(key) != name {
			dst = value.AppendElement(dst, key, old)
		} else if !done {
			dst, done = value.Append(dst, name, v), true
		}
	}
	if !done {
		dst = value.Append(dst, name, v)
	}
	return value.EndDocument(dst, 0)
}

// Keeping returns a pipeline update that leaves a field as it is, whatever its stages say; in a document that it
// inserts, the field is inserted, none if that is missing.
func (u *Update) Keeping(field string, inserted bson.RawValue) *Update {
	kept := *u
	kept.fixed, kept.inserted = field, inserted
	kept.raw = bson.RawValue{} // no stages say this
	return &kept
}

// IsReplacement reports whether the update replaces the whole document.
func (u *Update) IsReplacement() bool { return u.replacement != nil }

// Paths returns the paths that the update may change, up to the first positional component; nil for a replacement or a
// pipeline, which may change everything.
func (u *Update) Paths() []string {
	if u.root == nil {
		return nil
	}
	var paths []string
	u.root.each(func(path string) { paths = append(paths, path) })
	return paths
}

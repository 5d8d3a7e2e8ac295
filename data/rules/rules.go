// Package rules is the language of security rules: which documents an end user may read, create, update and delete.
// A rule is an expression on the document and the caller; it compiles to a filter that the query carries with it, so
// that a rule never costs a second look at the data.
package rules

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

// Operation is what a caller wants to do with documents.
type Operation int

// The operations that rules speak of.
const (
	Read Operation = iota
	Create
	Update
	Delete
)

// String returns the operation's name in a rule document.
func (o Operation) String() string { return operationNames[o] }

var operationNames = [...]string{Read: "read", Create: "create", Update: "update", Delete: "delete"}

// Preset names a ready-made set of rules.
type Preset string

// The presets.
const (
	Private    Preset = "private"    // the creator reads and writes: the default of a new collection
	Readonly   Preset = "readonly"   // everybody reads, the creator writes
	Adminwrite Preset = "adminwrite" // everybody reads, no client writes
	Adminonly  Preset = "adminonly"  // no client reads or writes
)

const creator = "doc._openid == auth.openid"

var presets = map[Preset]Document{
	Private:    {Read: creator, Write: creator},
	Readonly:   {Read: true, Write: creator},
	Adminwrite: {Read: true, Write: false},
	Adminonly:  {Read: false, Write: false},
}

// Document is a set of rules as it is written and stored: a preset, or for each operation true, false or the text of
// an expression. Write stands for create, update and delete where these are not given; what is not given is refused.
type Document struct {
	Preset Preset `bson:"preset,omitempty" json:"preset,omitempty"`
	Read   any    `bson:"read,omitempty" json:"read,omitempty"`
	Write  any    `bson:"write,omitempty" json:"write,omitempty"`
	Create any    `bson:"create,omitempty" json:"create,omitempty"`
	Update any    `bson:"update,omitempty" json:"update,omitempty"`
	Delete any    `bson:"delete,omitempty" json:"delete,omitempty"`
}

// Auth is what an expression sees of the caller, as auth.openid, auth.uid, auth.unionid, auth.provider and
// auth.anonymous. A field without a value is null.
type Auth struct {
	OpenID    string
	UserID    string
	UnionID   string
	Provider  string
	Anonymous bool
}

// Rules are parsed rules. They are immutable and safe for concurrent use.
type Rules struct {
	document   Document
	operations [len(operationNames)]node
}

// Default returns the rules of a new collection: the preset private.
func Default() *Rules { return defaultRules }

var defaultRules = func() *Rules {
	r, err := New(Document{Preset: Private})
	if err != nil {
		panic(err) // the preset is part of this program
	}
	return r
}()

// New parses a set of rules. It returns invalid_rules, naming the field, when an expression or the preset is wrong.
func New(d Document) (*Rules, error) {
	source := d
	if d.Preset != "" {
		preset, ok := presets[d.Preset]
		if !ok {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "preset: %q is none of private, readonly, adminwrite, adminonly", string(d.Preset))
		}
		if d.Read != nil || d.Write != nil || d.Create != nil || d.Update != nil || d.Delete != nil {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "preset: give either a preset or own rules")
		}
		source = preset
	}
	r := &Rules{document: d}
	write := func(own any) any {
		if own != nil {
			return own
		}
		return source.Write
	}
	for op, rule := range [...]any{Read: source.Read, Create: write(source.Create), Update: write(source.Update), Delete: write(source.Delete)} {
		var err error
		if r.operations[op], err = parseRule(rule); err != nil {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "%s: %s", operationNames[op], err)
		}
	}
	return r, nil
}

func parseRule(rule any) (node, error) {
	switch rule := rule.(type) {
	case nil:
		return literal{false}, nil
	case bool:
		return literal{rule}, nil
	case string:
		return parse(rule)
	}
	return nil, errorf(0, "a rule is true, false or the text of an expression")
}

// Document returns the rules as they were given.
func (r *Rules) Document() Document { return r.document }

// Decision is what rules say about one operation of one caller. The zero Decision allows everything.
type Decision struct {
	Denied  bool          // nothing is allowed
	Filter  *query.Filter // the documents on which the operation is allowed; nil is all
	Creator bool          // only documents that the caller created are among them
}

// Allows reports whether the decision allows the operation on doc.
func (d Decision) Allows(doc bson.Raw) bool {
	return !d.Denied && (d.Filter == nil || d.Filter.Match(doc))
}

// Decide returns what the rules let the caller do.
func (r *Rules) Decide(op Operation, auth Auth) (Decision, error) {
	c, err := compile(r.operations[op], auth)
	switch {
	case err != nil:
		return Decision{}, err
	case c.filter == nil:
		return Decision{Denied: !c.constant}, nil
	}
	raw, err := bson.Marshal(c.filter)
	if err != nil {
		return Decision{}, yunduo.Wrap(err, yunduo.ReasonInternal, "a rule could not be compiled")
	}
	filter, err := query.ParseFilter(raw)
	if err != nil {
		return Decision{}, yunduo.Wrap(err, yunduo.ReasonInternal, "a rule could not be compiled")
	}
	return Decision{Filter: filter, Creator: c.creator}, nil
}

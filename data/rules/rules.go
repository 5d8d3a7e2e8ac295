// Package rules is the language of security rules: which documents an end user may read, create, update and delete.
// A rule is an expression on the document and the caller; it compiles to a filter that the query carries with it, so
// that a rule never costs a second look at the data.
package rules

import (
	"encoding/json"
	"io"
	"strings"

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

// Subject is what rules are about.
type Subject string

// The subjects of rules, by the name that expressions give them.
const (
	Documents Subject = "doc"
	Files     Subject = "resource"
)

// presets are ready-made sets of rules by name, for a subject. The first is that of a new collection.
func (s Subject) presets(name string) (document, bool) {
	creator := string(s) + "._openid == auth.openid"
	if s == Files {
		creator = "resource.openid == auth.openid"
	}
	d, ok := map[string]document{
		"private":    {Read: creator, Write: creator}, // the creator reads and writes
		"readonly":   {Read: true, Write: creator},    // everybody reads, the creator writes
		"adminwrite": {Read: true, Write: false},      // everybody reads, no client writes
		"adminonly":  {Read: false, Write: false},     // no client reads or writes
	}[name]
	return d, ok
}

// document is a set of rules as it is written: for each operation true, false or the text of an expression. Write
// stands for create, update and delete where these are not given; what is not given is refused.
type document struct {
	Read   any  `json:"read"`
	Write  any  `json:"write"`
	Create any  `json:"create"`
	Update any  `json:"update"`
	Delete any  `json:"delete"`
	Strict bool `json:"strict"`
}

// Auth is what an expression sees of the caller, as auth.openid, auth.uid, auth.unionid, auth.provider,
// auth.loginType and auth.anonymous. A field without a value is null.
type Auth struct {
	OpenID    string
	UserID    string
	UnionID   string
	Provider  string
	Anonymous bool
	// Lookup answers get(). Without it every document is missing.
	Lookup Lookup
}

// somebody reports whether anybody is signed in.
func (a Auth) somebody() bool {
	return a.OpenID != "" || a.UserID != "" || a.UnionID != "" || a.Provider != "" || a.Anonymous
}

// Rules are parsed rules. They are immutable and safe for concurrent use.
type Rules struct {
	text       string
	strict     bool
	operations [len(operationNames)]node
}

// Default returns the rules of a new collection: the preset private.
func Default() *Rules { return defaultRules }

var defaultRules = func() *Rules {
	r, err := Parse("private")
	if err != nil {
		panic(err) // the preset is part of this program
	}
	return r
}()

// Parse reads a set of rules of a collection: the name of a preset (private, readonly, adminwrite, adminonly) or a JSON
// object such as
//
//	{"read": true, "write": "doc._openid == auth.openid", "delete": false, "strict": true}
//
// It returns invalid_rules, naming the field, for anything else.
func Parse(text string) (*Rules, error) { return ParseFor(Documents, text) }

// ParseFor reads a set of rules of a subject, as Parse does those of a collection. Rules of files know no strict.
func ParseFor(subject Subject, text string) (*Rules, error) {
	text = strings.TrimSpace(text)
	d, ok := subject.presets(strings.ToLower(text))
	if ok {
		text = strings.ToLower(text)
	} else {
		if !strings.HasPrefix(text, "{") {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "rules: give private, readonly, adminwrite, adminonly or a JSON object of expressions")
		}
		if err := decodeStrictly(text, &d); err != nil {
			return nil, err
		}
	}
	if d.Strict && subject == Files {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "strict: files are asked for one by one, which is refused or not")
	}
	r := &Rules{text: text, strict: d.Strict}
	for op, own := range [...]any{Read: d.Read, Create: d.Create, Update: d.Update, Delete: d.Delete} {
		name := operationNames[op]
		if own == nil && Operation(op) != Read {
			own, name = d.Write, "write"
		}
		var err error
		if r.operations[op], err = parseRule(own, subject); err != nil {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRules, "%s: %s", name, err)
		}
	}
	return r, nil
}

func decodeStrictly(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRules, "rules: not a JSON object with the members that rules have: %s", err.Error())
	}
	if _, err := decoder.Token(); err != io.EOF {
		return yunduo.Errorf(yunduo.ReasonInvalidRules, "rules: text follows the JSON object")
	}
	return nil
}

func parseRule(rule any, subject Subject) (node, error) {
	switch rule := rule.(type) {
	case nil:
		return literal{false}, nil
	case bool:
		return literal{rule}, nil
	case string:
		return parse(rule, string(subject))
	}
	return nil, errorf(0, "a rule is true, false or the text of an expression")
}

// String returns the rules as they were given.
func (r *Rules) String() string { return r.text }

// Decision is what rules say about one operation of one caller. The zero Decision allows everything.
type Decision struct {
	Denied  bool          // nothing is allowed
	Filter  *query.Filter // the documents on which the operation is allowed; nil is all
	Creator bool          // only documents that the caller created are among them
	// Strict refuses a request for more than is allowed, where otherwise it is narrowed; see Covers.
	Strict bool
}

// Allows reports whether the decision allows the operation on doc.
func (d Decision) Allows(doc bson.Raw) bool {
	if d.Denied {
		return false
	}
	ok, err := d.Filter.Match(doc)
	return ok && err == nil
}

// Decide returns what the rules let the caller do. It fails only when a look-up does.
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
	return Decision{Filter: filter, Creator: c.creator, Strict: r.strict}, nil
}

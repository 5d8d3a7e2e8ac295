package rules

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// MaxLookups is how many get() one expression may have.
const MaxLookups = 3

// Lookup reads documents for get(), past all rules. Implementations are comparable and remember what they read for as
// long as a request lasts.
type Lookup interface {
	// Get returns the document with an _id, nil if there is none or no such collection.
	Get(collection, id string) (bson.Raw, error)
}

// idPart is a part of an _id in get(): a text, or a field of auth.
type idPart struct{ text, field string }

// get reads get('database.COLLECTION.ID').a.b; in back quotes ${auth.openid} stands for its value.
func (p *parser) get() (node, error) {
	at := p.take().at
	if !p.accept("(") {
		return nil, errorf(at, "get needs a text in parentheses, such as get('database.users.boss')")
	}
	t := p.take()
	if t.kind != stringToken && t.kind != templateToken {
		return nil, errorf(t.at, "get needs a text such as 'database.users.boss'")
	}
	if !p.accept(")") {
		return nil, errorf(p.peek().at, "a closing parenthesis is missing")
	}
	if p.lookups++; p.lookups > MaxLookups {
		return nil, errorf(at, "an expression may have %d get() at most", MaxLookups)
	}
	root, rest, _ := strings.Cut(t.text, ".")
	collection, id, ok := strings.Cut(rest, ".")
	if root != "database" || !ok || collection == "" || id == "" || strings.Contains(collection, "${") {
		return nil, errorf(t.at, "get needs 'database.COLLECTION.ID', not %q", t.text)
	}
	if collection[0] == '_' {
		return nil, errorf(t.at, "the collection %q is reserved", collection)
	}
	of := lookup{collection: collection}
	var err error
	if of.id, err = idParts(id, t); err != nil {
		return nil, err
	}
	names, err := p.names()
	of.path = strings.Join(names, ".")
	return of, err
}

func idParts(id string, t token) ([]idPart, error) {
	if t.kind != templateToken {
		return []idPart{{text: id}}, nil
	}
	var parts []idPart
	for id != "" {
		text, rest, found := strings.Cut(id, "${")
		if text != "" {
			parts = append(parts, idPart{text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		field, ok := strings.CutPrefix(strings.TrimSpace(name), "auth.")
		if !closed || !ok || !authFields[field] || field == "anonymous" {
			return nil, errorf(t.at, "in get(), ${...} may hold a text of auth such as ${auth.openid}, not %q", name)
		}
		parts = append(parts, idPart{field: field})
		id = after
	}
	return parts, nil
}

// value looks the document up. What is missing is null, also when a part of its _id is.
func (l lookup) value(a Auth) (any, error) {
	var id strings.Builder
	for _, part := range l.id {
		text := part.text
		if part.field != "" {
			if text = a.field(part.field); text == "" {
				return l.missing(), nil
			}
		}
		id.WriteString(text)
	}
	if a.Lookup == nil {
		return l.missing(), nil
	}
	doc, err := a.Lookup.Get(l.collection, id.String())
	if err != nil || doc == nil {
		return l.missing(), err
	}
	if l.path == "" {
		return true, nil
	}
	value, err := doc.LookupErr(strings.Split(l.path, ".")...)
	if err != nil {
		return absent{}, nil
	}
	return plain(value), nil
}

func (l lookup) missing() any {
	if l.path == "" {
		return nil
	}
	return absent{}
}

// plain is a stored value as expressions compare it; what is no scalar stays as it is.
func plain(v bson.RawValue) any {
	switch v.Type {
	case bson.TypeString:
		return v.StringValue()
	case bson.TypeBoolean:
		return v.Boolean()
	case bson.TypeInt32, bson.TypeInt64:
		return v.AsInt64()
	case bson.TypeDouble:
		return v.Double()
	case bson.TypeDateTime:
		return bson.DateTime(v.DateTime())
	case bson.TypeNull, bson.TypeUndefined:
		return absent{}
	}
	return v
}

// invalid is for callers that give rules of a kind that there is not.
func invalid(format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidRules, format, args...)
}

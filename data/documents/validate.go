package documents

import (
	"math"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"yunduo"
)

const maxIDBytes = 1024

// shape says which field names a document may have.
type shape struct {
	operators bool // names may start with $
	any       bool // the platform's own: whatever the engine takes
	limit     int  // bytes
}

// check walks a document once: its bytes must be well-formed BSON, no deeper than MaxDepth and no larger than the
// limit. what names the document in the error.
func (s shape) check(doc bson.Raw, reason yunduo.Reason, what string) error {
	if len(doc) > s.limit {
		return yunduo.Errorf(yunduo.ReasonDocumentTooLarge, "%s: %d bytes are more than the limit of %d", what, len(doc), s.limit)
	}
	return s.walk(doc, reason, what, 1)
}

func (s shape) walk(doc []byte, reason yunduo.Reason, what string, depth int) error {
	if depth > MaxDepth {
		return yunduo.Errorf(reason, "%s: nested deeper than %d levels", what, MaxDepth)
	}
	length, rest, ok := bsoncore.ReadLength(doc)
	if !ok || int(length) != len(doc) || doc[len(doc)-1] != 0 {
		return malformed(reason, what)
	}
	rest = rest[:len(rest)-1]
	for len(rest) > 0 {
		var element bsoncore.Element
		if element, rest, ok = bsoncore.ReadElement(rest); !ok {
			return malformed(reason, what)
		}
		key, err := element.KeyErr()
		if err != nil {
			return malformed(reason, what)
		}
		if !utf8.ValidString(key) {
			return yunduo.Errorf(reason, "%s: a field name is not valid UTF-8", what)
		}
		if !s.operators && !s.any && len(key) > 0 && key[0] == '$' {
			return yunduo.Errorf(reason, "%s: the field name %q starts with $", what, key)
		}
		value, err := element.ValueErr()
		if err != nil {
			return malformed(reason, what)
		}
		if err := s.value(value, key, reason, what, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s shape) value(v bsoncore.Value, key string, reason yunduo.Reason, what string, depth int) error {
	switch v.Type {
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		return s.walk(v.Data, reason, what, depth+1)
	case bsoncore.TypeCodeWithScope:
		if s.any {
			return nil
		}
		return yunduo.Errorf(reason, "%s: the field %q holds code", what, key)
	case bsoncore.TypeString:
		text, ok := v.StringValueOK()
		if !ok || v.Validate() != nil {
			return malformed(reason, what)
		}
		if !utf8.ValidString(text) {
			return yunduo.Errorf(reason, "%s: the field %q is not valid UTF-8", what, key)
		}
		return nil
	}
	if v.Validate() != nil {
		return malformed(reason, what)
	}
	return nil
}

func malformed(reason yunduo.Reason, what string) error {
	return yunduo.Errorf(reason, "%s: not well-formed BSON", what)
}

// checkID reports whether v may be the _id of a document.
func checkID(v bson.RawValue, reason yunduo.Reason) error {
	switch v.Type {
	case bson.TypeString:
		if n := len(v.StringValue()); n < 1 || n > maxIDBytes {
			return yunduo.Errorf(reason, "_id: a text has 1 to %d bytes, this one %d", maxIDBytes, n)
		}
		return nil
	case bson.TypeDouble:
		if math.IsNaN(v.Double()) {
			return yunduo.Errorf(reason, "_id: NaN cannot identify a document")
		}
		return nil
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128, bson.TypeObjectID:
		return nil
	}
	return yunduo.Errorf(reason, "_id: a %s cannot identify a document; use a text or a number", v.Type)
}

// checkID reports whether v may be the _id of a document that the session stores. What the platform itself stores is
// for the engine to judge: it may come from another server.
func (s *Session) checkID(v bson.RawValue) error {
	if s.caller.Role == yunduo.RoleSystem {
		return nil
	}
	return checkID(v, yunduo.ReasonInvalidDocument)
}

// form is the shape that documents of the session have.
func (s *Session) form() shape {
	return shape{limit: s.db.options.MaxDocumentBytes, any: s.caller.Role == yunduo.RoleSystem}
}

// stamp returns the document as it is to be stored, with an _id in front and the owner, if any, at the end.
// It expects a document that passed check.
func stamp(doc bson.Raw, owner string, checked func(bson.RawValue) error) (bson.Raw, bson.RawValue, error) {
	var id bson.RawValue
	elements, err := doc.Elements()
	if err != nil {
		return nil, id, malformed(yunduo.ReasonInvalidDocument, "document")
	}
	at := -1
	for i, e := range elements {
		switch e.Key() {
		case "_id":
			if at >= 0 {
				return nil, id, yunduo.Errorf(yunduo.ReasonInvalidDocument, "_id: given twice")
			}
			at, id = i, e.Value()
		case ownerField:
			if owner != "" {
				return nil, id, foreignOwner()
			}
		}
	}
	if at < 0 {
		id = newID()
	} else if err := checked(id); err != nil {
		return nil, id, err
	}
	if at == 0 && owner == "" {
		return doc, id, nil
	}
	out := withID(doc, id)
	if owner != "" {
		out = bsoncore.AppendStringElement(out[:len(out)-1], ownerField, owner)
		out, _ = bsoncore.AppendDocumentEnd(out, 0)
	}
	return out, id, nil
}

// withID returns a well-formed document with the _id in front, instead of any that it has.
func withID(doc bson.Raw, id bson.RawValue) bson.Raw {
	_, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+len(id.Value)+64))
	out = appendValue(out, "_id", id)
	elements, _ := doc.Elements()
	for _, e := range elements {
		if e.Key() != "_id" {
			out = append(out, e...)
		}
	}
	out, _ = bsoncore.AppendDocumentEnd(out, 0)
	return out
}

func foreignOwner() error {
	return yunduo.Errorf(yunduo.ReasonPermissionDenied, "%s: written by the server, clients may not set or change it", ownerField)
}

// newID makes an _id: a text, because clients cannot all carry ObjectIDs.
func newID() bson.RawValue { return stringValue(yunduo.NewID()) }

func stringValue(s string) bson.RawValue {
	return bson.RawValue{Type: bson.TypeString, Value: bsoncore.AppendString(nil, s)}
}

package documents

import (
	"bytes"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"yunduo/data/query"
	"yunduo/data/query/collation"
)

// placeholder is what clients that do not know their own openid write in a filter where it is meant.
const placeholder = "{openid}"

// parseFilter parses the filter of a request. In those of end users the text {openid} stands for the caller's own.
func (s *Session) parseFilter(by *collation.Collation, raw bson.Raw) (*query.Filter, error) {
	if s.caller.EndUser() && bytes.Contains(raw, []byte(placeholder)) {
		raw = fillPlaceholders(raw, owner(s.caller))
	}
	filter, err := query.ParseFilterBy(by, raw)
	if err == nil {
		err = filter.Failed()
	}
	return filter, err
}

func fillPlaceholders(doc bson.Raw, openID string) bson.Raw {
	elements, err := doc.Elements()
	if err != nil {
		return doc // refused by the parser
	}
	index, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)+len(openID)))
	for _, e := range elements {
		v := e.Value()
		switch v.Type {
		case bson.TypeString:
			if v.StringValue() == placeholder {
				out = bsoncore.AppendStringElement(out, e.Key(), openID)
				continue
			}
		case bson.TypeEmbeddedDocument:
			out = bsoncore.AppendDocumentElement(out, e.Key(), bsoncore.Document(fillPlaceholders(bson.Raw(v.Value), openID)))
			continue
		case bson.TypeArray:
			out = bsoncore.AppendArrayElement(out, e.Key(), bsoncore.Array(fillPlaceholders(bson.Raw(v.Value), openID)))
			continue
		}
		out = append(out, e...)
	}
	out, err = bsoncore.AppendDocumentEnd(out, index)
	if err != nil {
		return doc
	}
	return bson.Raw(out)
}

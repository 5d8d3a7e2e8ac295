package interchange

import (
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

// ParseMetadata reads the indexes in a metadata.json of mongodump. skipped names those that this server does not have.
func ParseMetadata(text []byte) (indexes []driver.Index, skipped []string, err error) {
	doc, err := ejson.Parse(text, ejson.Options{})
	if err != nil {
		return nil, nil, malformed("the metadata of a collection cannot be read: %s", yunduo.AsError(err).Message)
	}
	list, ok := value.Field(doc, "indexes")
	if !ok || list.Type != bson.TypeArray {
		return nil, nil, nil
	}
	for it := value.Elements(list.Value); ; {
		_, v, ok := it.Next()
		if !ok {
			return indexes, skipped, nil
		}
		if v.Type != bson.TypeEmbeddedDocument {
			return nil, nil, malformed("the metadata of a collection has an index that is no object")
		}
		index, why := parseIndex(v.Value)
		switch {
		case why != "":
			skipped = append(skipped, fmt.Sprintf("index %q: %s", index.Name, why))
		case index.Name != "_id_":
			indexes = append(indexes, index)
		}
	}
}

// parseIndex reads an index of MongoDB; why says what it has that is not known here.
func parseIndex(doc bson.Raw) (index driver.Index, why string) {
	name, _ := value.Field(doc, "name")
	text, _ := value.Text(name)
	index.Name = string(text)
	for it := value.Elements(doc); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch string(key) {
		case "key":
			index.Fields, why = parseKeys(v)
			if why != "" {
				return index, why
			}
		case "unique":
			index.Unique = value.Truthy(v)
		case "sparse":
			index.Sparse = value.Truthy(v)
		case "expireAfterSeconds":
			seconds, ok := value.Int64(v)
			if !ok || seconds < 0 || seconds > 1<<31 {
				return index, "expireAfterSeconds is no number of seconds"
			}
			// Nothing expires at once here; a second later comes to the same.
			index.ExpireAfter = time.Duration(max(seconds, 1)) * time.Second
		case "partialFilterExpression":
			index.Partial = v.Value
		case "collation":
			if index.Collation, why = parseTexts(v); why != "" {
				return index, why
			}
		case "weights", "wildcardProjection":
			return index, string(key) + " is not supported"
		}
	}
	if len(index.Fields) == 0 {
		return index, "it has no fields"
	}
	return index, ""
}

// parseTexts reads the collation of an index; nil is the simple one.
func parseTexts(v bson.RawValue) (texts bson.Raw, why string) {
	doc, ok := v.DocumentOK()
	if !ok {
		return nil, "its collation is no object"
	}
	by, err := collation.Parse(doc)
	if err != nil {
		return nil, yunduo.AsError(err).Message
	}
	return by.Raw(), ""
}

func parseKeys(v bson.RawValue) (fields []driver.IndexField, why string) {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, "its key is no object"
	}
	for it := value.Elements(v.Value); ; {
		key, direction, ok := it.Next()
		if !ok {
			return fields, ""
		}
		field := driver.IndexField{Path: string(key)}
		if kind, ok := value.Text(direction); ok {
			switch string(kind) {
			case driver.KindPlaces, driver.KindHashed:
				field.Kind = string(kind)
			default:
				return nil, fmt.Sprintf("%.20q indexes are not supported", string(kind))
			}
		} else if n, ok := value.Float64(direction); ok {
			field.Descending = n < 0
		} else {
			return nil, "its direction is no number"
		}
		if strings.Contains(field.Path, "$**") {
			return nil, "indexes over all fields are not supported"
		}
		fields = append(fields, field)
	}
}

// Metadata returns the metadata.json of a collection, as mongodump writes it.
func Metadata(c Collection) []byte {
	list := bson.A{indexDocument(driver.Index{Name: "_id_", Fields: []driver.IndexField{{Path: "_id"}}})}
	for _, index := range c.Indexes {
		list = append(list, indexDocument(index))
	}
	doc, err := bson.Marshal(bson.D{
		{Key: "indexes", Value: list}, {Key: "collectionName", Value: c.Name}, {Key: "type", Value: "collection"},
		{Key: "options", Value: bson.D{}},
	})
	if err != nil {
		panic(err) // texts, numbers and documents that were parsed can be encoded
	}
	return ejson.AppendCanonical(nil, doc)
}

func indexDocument(index driver.Index) bson.D {
	keys := bson.D{}
	for _, f := range index.Fields {
		switch {
		case f.Kind != "":
			keys = append(keys, bson.E{Key: f.Path, Value: f.Kind})
		case f.Descending:
			keys = append(keys, bson.E{Key: f.Path, Value: int32(-1)})
		default:
			keys = append(keys, bson.E{Key: f.Path, Value: int32(1)})
		}
	}
	doc := bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: keys}, {Key: "name", Value: index.Name}}
	if index.Unique {
		doc = append(doc, bson.E{Key: "unique", Value: true})
	}
	if index.Sparse {
		doc = append(doc, bson.E{Key: "sparse", Value: true})
	}
	if index.ExpireAfter > 0 {
		doc = append(doc, bson.E{Key: "expireAfterSeconds", Value: int64(index.ExpireAfter / time.Second)})
	}
	if len(index.Partial) > 0 {
		doc = append(doc, bson.E{Key: "partialFilterExpression", Value: index.Partial})
	}
	if len(index.Collation) > 0 {
		doc = append(doc, bson.E{Key: "collation", Value: index.Collation})
	}
	return doc
}

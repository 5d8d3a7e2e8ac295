package mongowire

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

const idIndexName = "_id_"

func idIndex() bson.D {
	return bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: bson.D{{Key: "_id", Value: int32(1)}}}, {Key: "name", Value: idIndexName}}
}

// indexDocument describes an index as MongoDB does.
func indexDocument(index driver.Index) bson.D {
	d := bson.D{{Key: "v", Value: int32(2)}, {Key: "key", Value: index.Key()}, {Key: "name", Value: index.Name}}
	if index.Unique {
		d = append(d, bson.E{Key: "unique", Value: true})
	}
	if index.Sparse {
		d = append(d, bson.E{Key: "sparse", Value: true})
	}
	if index.ExpireAfter > 0 {
		d = append(d, bson.E{Key: "expireAfterSeconds", Value: compact(int64(index.ExpireAfter / time.Second))})
	}
	if index.Partial != nil {
		d = append(d, bson.E{Key: "partialFilterExpression", Value: index.Partial})
	}
	if index.Collation != nil {
		d = append(d, bson.E{Key: "collation", Value: index.Collation})
	}
	return d
}

func listIndexes(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	b := batching{size: maxWriteBatch}
	for key, v := range c.arguments() {
		switch key {
		case "cursor":
			err = b.parse(v)
		case "includeBuildUUIDs", "includeIndexBuildInfo":
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	indexes, err := docs.Indexes(ctx, collection)
	if err != nil {
		if notFoundIsFine(err) == nil {
			return nil, &failure{code: codeNamespaceNotFound, message: "ns does not exist: " + c.namespace(collection), cause: err}
		}
		return nil, err
	}
	list := []bson.D{idIndex()}
	for _, index := range indexes {
		list = append(list, indexDocument(index))
	}
	all, err := matching(list, nil)
	if err != nil {
		return nil, err
	}
	return c.listReply(ctx, docs, all, c.namespace(collection), b)
}

func createIndexes(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	var specs []bson.Raw
	for key, v := range c.arguments() {
		switch key {
		case "indexes":
			specs, err = asList(key, v)
		case "commitQuorum", "ignoreUnknownIndexOptions":
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(specs) == 0 {
		return nil, failf(codeBadValue, "Must specify at least one index to create")
	}
	wanted := make([]driver.Index, len(specs))
	for i, spec := range specs {
		if wanted[i], err = parseIndex(spec); err != nil {
			return nil, err
		}
	}
	before, err := docs.Indexes(ctx, collection)
	made := false
	if notMissing(err) != nil {
		return nil, err
	} else if err != nil {
		if err := createMissing(ctx, docs, collection); err != nil {
			return nil, err
		}
		made = true
	}
	known := slices.Clone(before)
	for _, index := range wanted {
		if isIDIndex(index) {
			continue
		}
		if err := conflicting(known, index); err != nil {
			return nil, err
		}
		if err := docs.CreateIndex(ctx, collection, index); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(known, func(k driver.Index) bool { return k.Name == index.Name }) {
			known = append(known, index)
		}
	}
	reply := bson.D{
		{Key: "numIndexesBefore", Value: int32(len(before) + 1)}, {Key: "numIndexesAfter", Value: int32(len(known) + 1)},
		{Key: "createdCollectionAutomatically", Value: made},
	}
	if len(known) == len(before) {
		reply = append(reply, bson.E{Key: "note", Value: "all indexes already exist"})
	}
	return ok(reply...)
}

func isIDIndex(index driver.Index) bool {
	return len(index.Fields) == 1 && index.Fields[0].Path == "_id" && !index.Fields[0].Descending
}

// conflicting tells the two conflicts apart that drivers know: another index of this name, and this index under
// another name.
func conflicting(known []driver.Index, index driver.Index) error {
	for _, k := range known {
		sameKey := slices.Equal(k.Fields, index.Fields)
		sameOptions := k.Unique == index.Unique && k.Sparse == index.Sparse && k.ExpireAfter.Milliseconds() == index.ExpireAfter.Milliseconds() &&
			bytes.Equal(k.Partial, index.Partial)
		texts, err := sameTexts(k.Collation, index.Collation)
		if err != nil {
			return err
		}
		sameOptions = sameOptions && texts
		switch {
		case k.Name == index.Name && !sameKey:
			return failf(codeIndexSpecsConflict, "An existing index has the same name as the requested index: %q, with other keys", index.Name)
		case k.Name == index.Name && !sameOptions:
			return failf(codeIndexOptionsConflict, "An existing index has the same name as the requested index: %q, with other options", index.Name)
		case k.Name != index.Name && sameKey && sameOptions:
			return failf(codeIndexOptionsConflict, "Index already exists with a different name: %s", k.Name)
		}
	}
	return nil
}

// sameTexts reports whether two collations order texts alike.
func sameTexts(a, b bson.Raw) (bool, error) {
	one, err := collation.Parse(a)
	if err != nil {
		return false, err
	}
	other, err := collation.Parse(b)
	return err == nil && collation.Same(one, other), err
}

// parseIndex reads one element of createIndexes.
func parseIndex(spec bson.Raw) (driver.Index, error) {
	var index driver.Index
	for key, v := range statement(spec) {
		var err error
		switch key {
		case "key":
			index.Fields, err = indexFields(v)
		case "name":
			index.Name, err = asText(key, v)
		case "unique":
			index.Unique, err = asBool(key, v)
		case "sparse":
			index.Sparse, err = asBool(key, v)
		case "expireAfterSeconds":
			var seconds int64
			if seconds, err = asCount(key, v); err == nil && seconds > 1<<31 {
				err = failf(codeCannotCreateIndex, "expireAfterSeconds is too large")
			}
			index.ExpireAfter = max(time.Duration(seconds)*time.Second, time.Millisecond) // 0 is at the date itself
		case "partialFilterExpression":
			index.Partial, err = asDocument(key, v)
		case "collation":
			index.Collation, err = asDocument(key, v)
		case "v", "background", "ns", "dropDups", "2dsphereIndexVersion":
		default: // hidden, weights, wildcardProjection, ...
			err = refuseTrue(key, v)
		}
		if err != nil {
			return index, err
		}
	}
	if len(index.Fields) == 0 {
		return index, failf(codeFailedToParse, "the 'key' field is a required property of an index specification")
	}
	if index.Name == "" {
		return index, failf(codeFailedToParse, "the 'name' field is a required property of an index specification")
	}
	return index, nil
}

func indexFields(key bson.RawValue) ([]driver.IndexField, error) {
	doc, err := asDocument("key", key)
	if err != nil {
		return nil, err
	}
	var fields []driver.IndexField
	for path, v := range statement(doc) {
		if kind, isText := v.StringValueOK(); isText {
			if kind != driver.KindPlaces && kind != driver.KindHashed {
				return nil, failf(codeCannotCreateIndex, "an index of the kind %q on '%s' is not supported here", kind, path)
			}
			fields = append(fields, driver.IndexField{Path: path, Kind: kind})
			continue
		}
		direction, err := asInteger("key."+path, v)
		if err != nil || direction == 0 {
			return nil, failf(codeCannotCreateIndex, "the direction of '%s' must be 1 or -1", path)
		}
		if strings.Contains(path, "$**") {
			return nil, failf(codeCannotCreateIndex, "wildcard indexes are not supported here")
		}
		fields = append(fields, driver.IndexField{Path: path, Descending: direction < 0})
	}
	return fields, nil
}

func dropIndexes(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	indexes, err := docs.Indexes(ctx, collection)
	if err != nil {
		if notFoundIsFine(err) == nil {
			return nil, &failure{code: codeNamespaceNotFound, message: "ns not found " + c.namespace(collection), cause: err}
		}
		return nil, err
	}
	names, err := droppedNames(indexes, c.field("index"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := docs.DropIndex(ctx, collection, name); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonIndexNotFound {
			return nil, err
		}
	}
	return ok(bson.E{Key: "nIndexesWas", Value: int32(len(indexes) + 1)})
}

// droppedNames resolves what dropIndexes names: "*", a name, names or a key.
func droppedNames(indexes []driver.Index, which bson.RawValue) (names []string, err error) {
	exists := func(name string) error {
		if name == idIndexName {
			return failf(codeInvalidOptions, "cannot drop _id index")
		}
		if !slices.ContainsFunc(indexes, func(i driver.Index) bool { return i.Name == name }) {
			return failf(codeIndexNotFound, "index not found with name [%s]", name)
		}
		return nil
	}
	switch which.Type {
	case bson.TypeString:
		if name := which.StringValue(); name != "*" {
			return []string{name}, exists(name)
		}
		for _, index := range indexes {
			names = append(names, index.Name)
		}
		return names, nil
	case bson.TypeArray:
		for _, v := range statement(which.Value) {
			name, err := asText("index", v)
			if err != nil {
				return nil, err
			}
			if err := exists(name); err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		return names, nil
	case bson.TypeEmbeddedDocument:
		fields, err := indexFields(which)
		if err != nil {
			return nil, err
		}
		for _, index := range indexes {
			if slices.Equal(index.Fields, fields) {
				return []string{index.Name}, nil
			}
		}
		return nil, failf(codeIndexNotFound, "can't find index with key: %s", value.Document(which.Value).String())
	}
	return nil, wrongType("index", which, "string, object or array")
}

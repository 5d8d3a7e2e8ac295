package documentstest

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"

	values "yunduo/data/query/value"
)

// kinds says how the parts of a case are read, by its kind.
var kinds = map[string]func(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error{
	"find":     parseFindCase,
	"project":  parseProjectCase,
	"expr":     parseExprCase,
	"update":   parseUpdateCase,
	"upsert":   parseUpsertCase,
	"pipeline": parsePipelineCase,
}

// document returns the bytes of a document, nil of null.
func document(v bson.RawValue) bson.Raw {
	if v.Type != bson.TypeEmbeddedDocument {
		return nil
	}
	return v.Value
}

func stages(v bson.RawValue) (list []bson.Raw) {
	for _, e := range elements(v) {
		list = append(list, e.Value)
	}
	return list
}

func parseFindCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	c.filter = document(parts[0])
	if len(parts) > 1 {
		c.sort = document(parts[1])
	}
	if len(parts) > 2 {
		skip, _ := values.Field(parts[2].Value, "skip")
		limit, _ := values.Field(parts[2].Value, "limit")
		c.skip, _ = values.Int64(skip)
		c.limit, _ = values.Int64(limit)
	}
	return c.results(result)
}

func parseProjectCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	if len(parts) > 1 {
		c.filter = document(parts[0])
	}
	c.projection = document(parts[len(parts)-1])
	return c.results(result)
}

func parseExprCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	c.expression = parts[0]
	stage := values.Append(values.BeginDocument(nil), "v", c.expression)
	stage = values.EndDocument(stage, 0)
	stage = values.EndDocument(values.Append(values.BeginDocument(nil), "$replaceWith", values.Document(stage)), 0)
	c.pipeline = []bson.Raw{stage}
	switch {
	case c.reason != "":
	case result.Type == bson.TypeString && result.StringValue() == "!missing":
		c.want = []bson.Raw{raw(bson.D{})}
	default:
		c.want = []bson.Raw{values.EndDocument(values.Append(values.BeginDocument(nil), "v", result), 0)}
	}
	return nil
}

func parseUpdateCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	if len(parts) < 2 {
		return fmt.Errorf("an update case needs a document and an update")
	}
	c.docs = documents(parts[0])
	c.update = updateOf(parts[1])
	if len(parts) > 2 {
		c.options(parts[2].Value)
	}
	switch {
	case c.reason != "":
		c.want = c.docs
	case result.Type == bson.TypeString && result.StringValue() == "=":
		c.want = c.docs
	default:
		c.want = documents(result)
	}
	return nil
}

func parseUpsertCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	if len(parts) < 2 {
		return fmt.Errorf("an upsert case needs a filter and an update")
	}
	c.filter, c.update = document(parts[0]), updateOf(parts[1])
	if len(parts) > 2 {
		c.options(parts[2].Value)
	}
	switch {
	case c.reason != "":
		c.want = c.docs
	case result.Type == bson.TypeArray:
		for _, e := range elements(result) {
			c.want = append(c.want, withID(e.Value, values.String("new")))
		}
	default:
		c.want = []bson.Raw{withID(result.Value, values.String("new"))}
	}
	return nil
}

// updateOf returns an update document; a pipeline becomes {"": [stages]}, which no update document can be.
func updateOf(v bson.RawValue) bson.Raw {
	if v.Type == bson.TypeArray {
		return values.EndDocument(values.Append(values.BeginDocument(nil), "", v), 0)
	}
	return v.Value
}

func (c *conformanceCase) options(doc bson.Raw) {
	if v, ok := values.Field(doc, "filter"); ok {
		c.filter = v.Value
	}
	if v, ok := values.Field(doc, "arrayFilters"); ok {
		c.arrayFilters = stages(v)
	}
	if v, ok := values.Field(doc, "docs"); ok {
		c.docs = documents(v)
	}
	if v, ok := values.Field(doc, "multi"); ok {
		c.multi = v.Boolean()
	}
}

func parsePipelineCase(c *conformanceCase, parts []bson.RawValue, result bson.RawValue) error {
	c.pipeline = stages(parts[0])
	return c.results(result)
}

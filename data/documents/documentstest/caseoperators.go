package documentstest

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/language"
	values "yunduo/data/query/value"
)

// entryKey names an entry of the table of the language.
type entryKey struct {
	kind language.Kind
	name string
}

// usage collects the entries of the language that a case uses. Names that are in no entry, as those of cases about
// unknown operators, are left out.
type usage map[entryKey]bool

// operators returns the entries of the language that the case uses.
func (c *conformanceCase) operators() usage {
	u := usage{}
	u.filter(c.filter)
	if len(c.sort) > 0 {
		u.add(language.Option, "sort")
	}
	u.projection(c.projection)
	for _, stage := range c.pipeline {
		u.stage(stage)
	}
	u.update(c.update)
	for _, filter := range c.arrayFilters {
		u.add(language.Option, "arrayFilters")
		u.filter(filter)
	}
	if c.projection != nil {
		u.add(language.Option, "projection")
	}
	if c.group.by != nil {
		u.add(language.Option, "collation")
	}
	if c.multi {
		u.add(language.Option, "multi")
	}
	if c.group.kind == "upsert" {
		u.add(language.Option, "upsert")
	}
	return u
}

func (u usage) add(kind language.Kind, name string) {
	if _, ok := language.Lookup(kind, name); ok {
		u[entryKey{kind, name}] = true
	}
}

// each calls yield for the fields of a document or array.
func each(v bson.RawValue, yield func(key string, v bson.RawValue)) {
	if v.Type != bson.TypeEmbeddedDocument && v.Type != bson.TypeArray {
		return
	}
	for it := values.Elements(v.Value); ; {
		key, e, ok := it.Next()
		if !ok {
			return
		}
		yield(string(key), e)
	}
}

func operator(name string) bool { return strings.HasPrefix(name, "$") }

// first returns the name of the first field of a document.
func first(v bson.RawValue) string {
	if v.Type != bson.TypeEmbeddedDocument {
		return ""
	}
	it := values.Elements(v.Value)
	key, _, _ := it.Next()
	return string(key)
}

func (u usage) filter(doc bson.Raw) {
	if doc == nil {
		return
	}
	each(values.Document(doc), func(key string, v bson.RawValue) {
		switch {
		case key == "$expr":
			u.add(language.Filter, key)
			u.expression(v)
		case operator(key):
			u.add(language.Filter, key)
			each(v, func(_ string, clause bson.RawValue) { u.filter(document(clause)) })
		default:
			u.condition(v)
		}
	})
}

// condition takes in what a filter says of a field.
func (u usage) condition(v bson.RawValue) {
	if v.Type == bson.TypeRegex {
		u.add(language.Filter, "$regex")
	}
	if !operator(first(v)) {
		return
	}
	each(v, func(key string, arg bson.RawValue) {
		u.add(language.Filter, key)
		switch key {
		case "$elemMatch":
			if operator(first(arg)) {
				u.condition(arg)
			}
			u.filter(document(arg))
		case "$not":
			u.condition(arg)
		case "$all", "$in", "$nin":
			each(arg, func(_ string, item bson.RawValue) { u.condition(item) })
		case "$geoWithin", "$geoIntersects", "$near", "$nearSphere":
			each(arg, func(shape string, _ bson.RawValue) { u.add(language.Filter, shape) })
		}
	})
}

func (u usage) projection(doc bson.Raw) {
	if doc == nil {
		return
	}
	each(values.Document(doc), func(path string, v bson.RawValue) {
		if strings.HasSuffix(path, ".$") {
			u.add(language.Projection, "$")
		}
		if name := first(v); operator(name) {
			if _, ok := language.Lookup(language.Projection, name); ok {
				u.add(language.Projection, name)
				return
			}
		}
		u.expression(v)
	})
}

func (u usage) update(doc bson.Raw) {
	if doc == nil {
		return
	}
	each(values.Document(doc), func(name string, v bson.RawValue) {
		if name == "" { // a pipeline
			each(v, func(_ string, stage bson.RawValue) { u.stage(document(stage)) })
			return
		}
		u.add(language.Update, name)
		if !operator(name) || v.Type != bson.TypeEmbeddedDocument {
			return
		}
		each(v, func(path string, arg bson.RawValue) {
			for part := range strings.SplitSeq(path, ".") {
				if strings.HasPrefix(part, "$[") && part != "$[]" {
					part = "$[name]"
				}
				u.add(language.Update, part)
			}
			switch name {
			case "$push", "$addToSet":
				each(arg, func(modifier string, _ bson.RawValue) { u.add(language.Modifier, modifier) })
			case "$pull":
				u.condition(arg)
				u.filter(document(arg))
			}
		})
	})
}

func (u usage) stages(v bson.RawValue) {
	each(v, func(_ string, stage bson.RawValue) { u.stage(document(stage)) })
}

func (u usage) stage(doc bson.Raw) {
	if doc == nil {
		return
	}
	each(values.Document(doc), func(name string, v bson.RawValue) {
		u.add(language.Stage, name)
		switch name {
		case "$match":
			u.filter(document(v))
		case "$group", "$bucket", "$bucketAuto", "$setWindowFields":
			u.grouping(v)
		case "$facet":
			each(v, func(_ string, p bson.RawValue) { u.stages(p) })
		case "$lookup", "$unionWith", "$graphLookup", "$geoNear":
			each(v, func(option string, arg bson.RawValue) {
				switch option {
				case "pipeline":
					u.stages(arg)
				case "query", "restrictSearchWithMatch":
					u.filter(document(arg))
				case "let", "startWith":
					u.expression(arg)
				}
			})
		default:
			u.expression(v)
		}
	})
}

// grouping takes in a stage with accumulators, on its fields or under output.
func (u usage) grouping(v bson.RawValue) {
	each(v, func(key string, arg bson.RawValue) {
		if key == "output" {
			u.grouping(arg)
			return
		}
		name := first(arg)
		if key == "_id" || !operator(name) {
			u.expression(arg)
			return
		}
		each(arg, func(name string, of bson.RawValue) {
			if _, ok := language.Lookup(language.Window, name); ok {
				u.add(language.Window, name)
			} else {
				u.add(language.Accumulator, name)
			}
			u.expression(of)
		})
	})
}

func (u usage) expression(v bson.RawValue) {
	if text, ok := v.StringValueOK(); ok {
		if variable, _, _ := strings.Cut(text, "."); strings.HasPrefix(variable, "$$") {
			u.add(language.Variable, variable)
		}
		return
	}
	each(v, func(key string, arg bson.RawValue) {
		if v.Type == bson.TypeEmbeddedDocument {
			u.add(language.Expression, key)
		}
		if key != "$literal" {
			u.expression(arg)
		}
	})
}

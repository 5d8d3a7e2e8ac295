package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/collation"
	"yunduo/data/query/language"
	"yunduo/data/query/value"
)

// operation is what an update operator does to one value.
type operation interface {
	// apply returns the new value; the zero value removes the field or leaves it missing.
	apply(a *application, path string, old bson.RawValue) (bson.RawValue, error)
	// needsPath reports whether the operation fails where its field could not be made, as inside a text, even if it
	// makes none.
	needsPath() bool
}

// parseOperation makes an operation from an operator's argument for one path.
type parseOperation func(by *collation.Collation, path string, v bson.RawValue) (operation, error)

var updateOperators = map[string]parseOperation{
	"$set": func(_ *collation.Collation, _ string, v bson.RawValue) (operation, error) {
		return setOperation{v}, nil
	},
	"$setOnInsert": func(_ *collation.Collation, _ string, v bson.RawValue) (operation, error) {
		return insertOperation{v}, nil
	},
	"$unset": func(*collation.Collation, string, bson.RawValue) (operation, error) { return unsetOperation{}, nil },
	"$inc":   parseInc,
	"$mul":   parseMul,
	"$min": func(by *collation.Collation, _ string, v bson.RawValue) (operation, error) {
		return extremeOperation{v, -1, by}, nil
	},
	"$max": func(by *collation.Collation, _ string, v bson.RawValue) (operation, error) {
		return extremeOperation{v, 1, by}, nil
	},
	"$currentDate": parseCurrentDate,
	"$bit":         parseBit,
	"$push":        parsePush,
	"$addToSet":    parseAddToSet,
	"$pop":         parsePop,
	"$pull":        parsePull,
	"$pullAll":     parsePullAll,
}

// parseChanges compiles a document of update operators.
func parseChanges(by *collation.Collation, raw bson.Raw) (*change, error) {
	root := &change{}
	for it := value.Elements(raw); ; {
		key, v, ok := it.Next()
		if !ok {
			return root, nil
		}
		operator := string(key)
		parse := updateOperators[operator]
		if parse == nil && operator != "$rename" {
			return nil, language.Unknown(language.Update, operator)
		}
		if v.Type != bson.TypeEmbeddedDocument {
			return nil, invalidUpdate("%s needs an object of paths, not a value of type %s", operator, value.TypeName(v.Type))
		}
		for fields := value.Elements(v.Value); ; {
			name, arg, ok := fields.Next()
			if !ok {
				break
			}
			path := string(name)
			if parse == nil {
				if err := addRename(root, path, arg); err != nil {
					return nil, err
				}
				continue
			}
			op, err := parse(by, path, arg)
			if err != nil {
				return nil, err
			}
			if err := root.add(path, op); err != nil {
				return nil, err
			}
		}
	}
}

// WithArrayFilters returns the update with the conditions that its $[name] path components stand for, one document
// per name, such as {"e.grade": {$gt: 80}}. It returns invalid_update when names and paths do not fit.
func (u *Update) WithArrayFilters(filters []bson.Raw) (*Update, error) {
	named := make(map[string]*Filter, len(filters))
	for _, raw := range filters {
		filter, err := ParseFilterBy(u.by, raw)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidUpdate, "an array filter is not valid: %s", yunduo.AsError(err).Message)
		}
		name, ok := filterName(raw)
		if !ok {
			return nil, invalidUpdate("an array filter must begin all its paths with one name")
		}
		if name[0] < 'a' || name[0] > 'z' {
			return nil, invalidUpdate("the name '%s' of an array filter must begin with a small letter", name)
		}
		if named[name] != nil {
			return nil, invalidUpdate("there are two array filters with the name '%s'", name)
		}
		named[name] = filter
	}
	if len(named) > 0 && u.root == nil {
		return nil, invalidUpdate("array filters belong to update operators, not to a whole document or a pipeline")
	}
	used := map[string]bool{}
	if u.root != nil {
		u.root.filterNames(used)
	}
	for name := range used {
		if named[name] == nil {
			return nil, language.Errorf(language.BadValue, yunduo.ReasonInvalidUpdate, "there is no array filter for $[%s]", name)
		}
	}
	for name := range named {
		if !used[name] {
			return nil, invalidUpdate("the array filter '%s' is used by no path of the update", name)
		}
	}
	filtered := *u
	filtered.named, filtered.filters = cloneAll(filters), named
	return &filtered, nil
}

// filterName returns the first component of all paths in an array filter.
func filterName(raw []byte) (name string, ok bool) {
	for it := value.Elements(raw); ; {
		key, v, more := it.Next()
		if !more {
			return name, name != ""
		}
		if len(key) > 0 && key[0] != '$' {
			first := value.ParsePath(string(key)).Parts()[0].Name
			if name != "" && name != first {
				return "", false
			}
			name = first
			continue
		}
		for clauses := value.Elements(v.Value); v.Type == bson.TypeArray; {
			_, clause, more := clauses.Next()
			if !more {
				break
			}
			inner, ok := filterName(clause.Value)
			if !ok || (name != "" && name != inner) {
				return "", false
			}
			name = inner
		}
	}
}

// filterNames collects the names in $[name] components.
func (c *change) filterNames(names map[string]bool) {
	for _, selection := range c.filtered {
		names[selection.name] = true
		selection.filterNames(names)
	}
	for _, field := range c.fields {
		field.filterNames(names)
	}
	if c.every != nil {
		c.every.filterNames(names)
	}
	if c.matched != nil {
		c.matched.filterNames(names)
	}
}

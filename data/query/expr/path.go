package expr

import (
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// reference compiles "$a.b", "$$variable" and "$$variable.a.b".
func (c *compiler) reference(s string) (node, error) {
	name, isVariable := strings.CutPrefix(s, "$$")
	if !isVariable {
		path, err := splitPath(s[1:])
		if err != nil {
			return node{}, err
		}
		return c.current(path), nil
	}
	name, rest, dotted := strings.Cut(name, ".")
	var path []string
	if dotted {
		var err error
		if path, err = splitPath(rest); err != nil {
			return node{}, err
		}
	}
	if i := c.slot(name); i >= 0 {
		return variable(i, path), nil
	}
	switch name {
	case "ROOT":
		return rootPath(path), nil
	case "CURRENT":
		return c.current(path), nil
	case "REMOVE":
		return literal(bson.RawValue{}), nil
	case "NOW":
		return below(node{eval: func(f *frame) (bson.RawValue, error) {
			if f.now.IsZero() {
				f.now = time.Now()
			}
			return value.DateTime(f.now), nil
		}}, path), nil
	}
	return node{}, invalid("the variable $$%s is not defined", name)
}

// current is a path of $$CURRENT, which is the document unless a let says otherwise.
func (c *compiler) current(path []string) node {
	if i := c.slot("CURRENT"); i >= 0 {
		return variable(i, path)
	}
	return rootPath(path)
}

func rootPath(path []string) node {
	switch len(path) {
	case 0:
		return node{eval: func(f *frame) (bson.RawValue, error) { return f.root, nil }}
	case 1:
		name := path[0]
		return node{eval: func(f *frame) (bson.RawValue, error) { return field(f.root.Value, name), nil }}
	}
	return node{eval: func(f *frame) (bson.RawValue, error) { return Path(f.root.Value, path), nil }}
}

func variable(slot int, path []string) node {
	return below(node{eval: func(f *frame) (bson.RawValue, error) { return f.vars[slot], nil }}, path)
}

// below is a path within what n evaluates to.
func below(n node, path []string) node {
	if len(path) == 0 {
		return n
	}
	return node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := n.eval(f)
		if err != nil {
			return v, err
		}
		return descend(v, path), nil
	}}
}

// splitPath checks and splits a dotted path.
func splitPath(s string) ([]string, error) {
	path := strings.Split(s, ".")
	for _, name := range path {
		if name == "" || strings.HasPrefix(name, "$") || strings.IndexByte(name, 0) >= 0 {
			return nil, invalid("%q is not a field path: its names must be neither empty nor start with $", s)
		}
	}
	if len(path) > maxDepth {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidPipeline, "a field path has more than %d names", maxDepth)
	}
	return path, nil
}

// Path returns what the path denotes in doc as expressions see it: an array on the way stands for the array of what
// the rest of the path denotes in its documents. Digits do not index arrays.
func Path(doc bson.Raw, path []string) bson.RawValue {
	v := field(doc, path[0])
	if len(path) == 1 {
		return v
	}
	return descend(v, path[1:])
}

func descend(v bson.RawValue, path []string) bson.RawValue {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return Path(v.Value, path)
	case bson.TypeArray:
		b := value.BeginDocument(nil)
		n := 0
		for w := walk(v.Value); w.next(); {
			if w.value.Type != bson.TypeEmbeddedDocument {
				continue
			}
			if item := Path(w.value.Value, path); item.Type != 0 {
				b = value.AppendIndexed(b, n, item)
				n++
			}
		}
		return value.Array(value.EndDocument(b, 0))
	}
	return bson.RawValue{}
}

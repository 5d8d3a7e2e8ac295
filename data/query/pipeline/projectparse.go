package pipeline

import (
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
	"yunduo/data/query/value"
)

// shapeParser collects the fields of a projection.
type shapeParser struct {
	stage          string
	scope          expr.Scope
	adding         bool // $addFields: every leaf is an expression
	root           *shape
	kept, computed bool // there is an included or a computed field
	dropped        bool // there is an excluded field other than _id
}

func parseProject(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument || value.IsEmpty(arg.Value) {
		return nil, invalid("%s takes an object with at least one field", name)
	}
	sp := &shapeParser{stage: name, scope: p.scope(), root: newShape()}
	if err := sp.object(nil, arg.Value); err != nil {
		return nil, err
	}
	if sp.dropped && (sp.kept || sp.computed) {
		return nil, invalid("%s: fields can be either excluded or included and computed; only _id may differ", name)
	}
	id := sp.root.byName["_id"]
	if sp.dropped || id != nil && id.action == drop && !sp.kept && !sp.computed {
		if id != nil && id.action == keep {
			sp.root.remove("_id") // it stays as all others do
		}
		return &projectStage{excluding, sp.root}, nil
	}
	if id == nil {
		sp.root.byName["_id"] = &fieldNode{name: "_id", action: keep}
	}
	return &projectStage{including, sp.root}, nil
}

func parseAddFields(p *parser, name string, arg bson.RawValue) (stage, error) {
	if arg.Type != bson.TypeEmbeddedDocument || value.IsEmpty(arg.Value) {
		return nil, invalid("%s takes an object with at least one field", name)
	}
	sp := &shapeParser{stage: name, scope: p.scope(), adding: true, root: newShape()}
	if err := sp.object(nil, arg.Value); err != nil {
		return nil, err
	}
	return &projectStage{adding, sp.root}, nil
}

func parseUnset(_ *parser, name string, arg bson.RawValue) (stage, error) {
	fields := []bson.RawValue{arg}
	if arg.Type == bson.TypeArray {
		fields = items(arg)
	}
	if len(fields) == 0 {
		return nil, invalid("%s takes a field path or an array of at least one", name)
	}
	sp := &shapeParser{stage: name, root: newShape()}
	for _, f := range fields {
		path, err := pathArgument(name, "a field path", f)
		if err != nil {
			return nil, err
		}
		if err := sp.put(path, &fieldNode{action: drop}); err != nil {
			return nil, err
		}
	}
	return &projectStage{excluding, sp.root}, nil
}

// object adds the fields of an object whose own path is prefix.
func (sp *shapeParser) object(prefix []string, doc []byte) error {
	var err error
	elements(doc, func(key string, v bson.RawValue) bool {
		var path []string
		if path, err = splitPath(sp.stage, key); err == nil {
			err = sp.field(append(prefix[:len(prefix):len(prefix)], path...), v)
		}
		return err == nil
	})
	return err
}

func (sp *shapeParser) field(path []string, v bson.RawValue) error {
	if len(path) > 100 {
		return invalid("%s: a path has more than 100 names", sp.stage)
	}
	isID := len(path) == 1 && path[0] == "_id"
	if v.Type == bson.TypeEmbeddedDocument && !startsWithOperator(v.Value) {
		if !value.IsEmpty(v.Value) {
			return sp.object(path, v.Value)
		}
		if !sp.adding {
			return invalid("%s: %s must not be an empty object", sp.stage, strings.Join(path, "."))
		}
	}
	if !sp.adding && (value.IsNumber(v) || v.Type == bson.TypeBoolean) {
		if value.Truthy(v) {
			sp.kept = sp.kept || !isID
			return sp.put(path, &fieldNode{action: keep})
		}
		sp.dropped = sp.dropped || !isID
		return sp.put(path, &fieldNode{action: drop})
	}
	e, err := expr.ParseWith(v, sp.scope)
	if err != nil {
		return err
	}
	sp.computed = true
	return sp.put(path, &fieldNode{action: compute, compute: e})
}

func startsWithOperator(doc []byte) bool {
	it := value.Elements(doc)
	key, _, ok := it.Next()
	return ok && strings.HasPrefix(string(key), "$")
}

// put adds a leaf at path, making the objects above it.
func (sp *shapeParser) put(path []string, leaf *fieldNode) error {
	s := sp.root
	for _, name := range path[:len(path)-1] {
		s.computes = s.computes || leaf.action == compute
		f := s.byName[name]
		if f == nil {
			f = &fieldNode{name: name, action: nest, nested: newShape()}
			s.add(f)
		}
		if f.action != nest {
			return invalid("%s: %s lies below another field of the projection", sp.stage, strings.Join(path, "."))
		}
		s = f.nested
	}
	leaf.name = path[len(path)-1]
	if s.byName[leaf.name] != nil {
		return invalid("%s: %s is named twice, or a field below it is named too", sp.stage, strings.Join(path, "."))
	}
	s.computes = s.computes || leaf.action == compute
	s.add(leaf)
	return nil
}

func (s *shape) add(f *fieldNode) {
	s.fields = append(s.fields, f)
	s.byName[f.name] = f
}

func (s *shape) remove(name string) {
	delete(s.byName, name)
	for i, f := range s.fields {
		if f.name == name {
			s.fields = append(s.fields[:i:i], s.fields[i+1:]...)
			return
		}
	}
}

package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// position returns the index of the array element through which doc satisfies the filter: that of the outermost
// array on the path, of the last condition that went through one.
func (f *Filter) position(doc bson.Raw) (index int, ok bool) {
	if f == nil {
		return 0, false
	}
	return nodePosition(f.root, doc)
}

func nodePosition(n node, doc bson.Raw) (index int, ok bool) {
	switch n := n.(type) {
	case allNode:
		for _, child := range n {
			if i, found := nodePosition(child, doc); found {
				index, ok = i, true
			}
		}
	case *pathNode:
		return n.position(value.Document(doc), n.path)
	}
	return index, ok
}

// position follows the path to the first array that it does not address an element of by number.
func (n *pathNode) position(v bson.RawValue, path value.Path) (int, bool) {
	for i, part := range path.Parts() {
		if v.Type == bson.TypeArray {
			if index, ok := n.through(v.Value, path.From(i)); ok {
				return index, true
			}
			element, ok := value.Element(v.Value, part.Index)
			if !ok {
				return 0, false
			}
			v = element
			continue
		}
		if v.Type != bson.TypeEmbeddedDocument {
			return 0, false
		}
		v, _ = value.Field(v.Value, part.Name)
	}
	if v.Type != bson.TypeArray {
		return 0, false
	}
	if element, ok := n.pred.(*elementPredicate); ok {
		i := element.index(v)
		return i, i >= 0
	}
	if n.whole {
		return 0, false
	}
	it := value.Elements(v.Value)
	for i := 0; ; i++ {
		_, element, ok := it.Next()
		if !ok {
			return 0, false
		}
		if n.pred.matches(element) {
			return i, true
		}
	}
}

// through returns the first element that is a document in which the rest of the path satisfies the predicate.
func (n *pathNode) through(array []byte, rest value.Path) (int, bool) {
	it := value.Elements(array)
	for i := 0; ; i++ {
		_, element, ok := it.Next()
		if !ok {
			return 0, false
		}
		if element.Type == bson.TypeEmbeddedDocument && rest.Any(element.Value, !n.whole, n.pred.matches) {
			return i, true
		}
	}
}

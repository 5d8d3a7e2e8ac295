package expr

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// walker goes over the elements of a document or array: for w := walk(doc); w.next(); { w.value }.
type walker struct {
	elements value.Iterator
	name     []byte
	value    bson.RawValue
}

func walk(doc []byte) walker { return walker{elements: value.Elements(doc)} }

// next steps to the next element; false at the end.
func (w *walker) next() (ok bool) {
	w.name, w.value, ok = w.elements.Next()
	return ok
}

func (w *walker) key() string { return string(w.name) }

// field returns a document's field, missing if there is none.
func field(doc []byte, name string) bson.RawValue {
	v, _ := value.Field(doc, name)
	return v
}

// values returns the elements of an array.
func values(array bson.RawValue) []bson.RawValue {
	var out []bson.RawValue
	for w := walk(array.Value); w.next(); {
		out = append(out, w.value)
	}
	return out
}

func count(array bson.RawValue) int { return value.Count(array.Value) }

// tooLarge refuses to build a value larger than a document may be.
func tooLarge(op string) error {
	return yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "%s makes a value of more than %d bytes", op, maxResult)
}

// arrayBuilder builds an array; it refuses to grow beyond maxResult.
type arrayBuilder struct {
	op    string
	bytes []byte
	n     int
}

func newArray(op string) arrayBuilder {
	return arrayBuilder{op: op, bytes: value.BeginDocument(make([]byte, 0, 64))}
}

// push appends a value; a missing one is left out.
func (b *arrayBuilder) push(v bson.RawValue) error {
	if v.Type == 0 {
		return nil
	}
	if len(b.bytes)+len(v.Value) > maxResult {
		return tooLarge(b.op)
	}
	b.bytes = value.AppendIndexed(b.bytes, b.n, v)
	b.n++
	return nil
}

func (b *arrayBuilder) done() bson.RawValue { return value.Array(value.EndDocument(b.bytes, 0)) }

// arrayOf is an array of values, missing ones left out.
func arrayOf(op string, items []bson.RawValue) (bson.RawValue, error) {
	b := newArray(op)
	for _, v := range items {
		if err := b.push(v); err != nil {
			return v, err
		}
	}
	return b.done(), nil
}

// objectBuilder builds an object whose fields are set once each.
type objectBuilder struct {
	op    string
	bytes []byte
}

func newObject(op string) objectBuilder {
	return objectBuilder{op: op, bytes: value.BeginDocument(make([]byte, 0, 64))}
}

// set appends a field; a missing value is left out.
func (b *objectBuilder) set(name string, v bson.RawValue) error {
	if len(b.bytes)+len(name)+len(v.Value) > maxResult {
		return tooLarge(b.op)
	}
	b.bytes = value.Append(b.bytes, name, v)
	return nil
}

func (b *objectBuilder) done() bson.RawValue {
	return value.Document(value.EndDocument(b.bytes, 0))
}

// mergeBuilder builds an object from fields of which the last of a name wins, at the place of the first.
type mergeBuilder struct {
	op     string
	index  map[string]int
	names  []string
	values []bson.RawValue
}

func (b *mergeBuilder) set(name string, v bson.RawValue) {
	if i, ok := b.index[name]; ok {
		b.values[i] = v
		return
	}
	if b.index == nil {
		b.index = map[string]int{}
	}
	b.index[name] = len(b.names)
	b.names, b.values = append(b.names, name), append(b.values, v)
}

func (b *mergeBuilder) done() (bson.RawValue, error) {
	o := newObject(b.op)
	for i, name := range b.names {
		if err := o.set(name, b.values[i]); err != nil {
			return bson.RawValue{}, err
		}
	}
	return o.done(), nil
}

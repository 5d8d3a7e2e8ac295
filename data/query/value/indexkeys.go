package value

import "go.mongodb.org/mongo-driver/v2/bson"

// IndexKeys calls yield with the values under which an index on the path files doc: each element of an array on its
// own, null for a missing field, the zero value (which sorts below null) for an empty array. Values may repeat and
// there is always at least one. It reports whether the document has an array along the path (is multikey).
//
// The bounds that package query derives from a filter are in terms of these keys.
func (p Path) IndexKeys(doc bson.Raw, yield func(v bson.RawValue)) (multikey bool) {
	k := keyMaker{yield: yield}
	k.document(doc, p.parts)
	if !k.any {
		yield(Null)
	}
	return k.multikey
}

type keyMaker struct {
	yield         func(v bson.RawValue)
	any, multikey bool
}

func (k *keyMaker) key(v bson.RawValue) {
	k.any = true
	k.yield(v)
}

func (k *keyMaker) document(doc []byte, parts []Part) {
	for i := range parts {
		v, ok := Field(doc, parts[i].Name)
		rest := parts[i+1:]
		switch {
		case !ok:
			k.key(Null)
			return
		case v.Type == bson.TypeArray && len(rest) > 0:
			k.inside(v.Value, rest)
			return
		case v.Type == bson.TypeArray:
			k.elements(v.Value)
			return
		case len(rest) == 0:
			k.key(v)
			return
		case v.Type != bson.TypeEmbeddedDocument:
			k.key(Null)
			return
		}
		doc = v.Value
	}
}

// elements files an array at the end of the path.
func (k *keyMaker) elements(array []byte) {
	k.multikey = true
	if IsEmpty(array) {
		k.key(bson.RawValue{})
		return
	}
	for it := Elements(array); ; {
		_, v, ok := it.Next()
		if !ok {
			return
		}
		k.key(v)
	}
}

// inside follows parts into an array in the middle of the path.
func (k *keyMaker) inside(array []byte, parts []Part) {
	k.multikey = true
	it := Elements(array)
	for i := 0; ; i++ {
		_, v, ok := it.Next()
		if !ok {
			return
		}
		if v.Type == bson.TypeEmbeddedDocument {
			k.document(v.Value, parts)
		}
		if parts[0].Index != i {
			continue
		}
		switch {
		case len(parts) == 1:
			k.key(v)
			if v.Type == bson.TypeArray { // $elemMatch looks at its elements
				k.elements(v.Value)
			}
		case v.Type == bson.TypeEmbeddedDocument:
			k.document(v.Value, parts[1:])
		case v.Type == bson.TypeArray:
			k.inside(v.Value, parts[1:])
		}
	}
}

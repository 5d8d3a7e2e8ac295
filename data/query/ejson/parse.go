package ejson

import (
	"bytes"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// MaxDepth is how deep documents and arrays may be nested, the outermost document counting as one.
const MaxDepth = 100

// Options are what the meaning of a text depends on beside the text.
type Options struct {
	Now time.Time // what a server date ({"$serverDate":{"offset":ms}}) is relative to
}

// Parse translates a JSON object to a document. It understands canonical and relaxed Extended JSON v2, dates as
// milliseconds, and server dates in the spellings of the CloudBase SDKs. Key order is kept; of equal keys the last
// counts. {"$regex":...} stays a document: it is a query operator.
//
// It returns malformed_json when the text is no JSON object, and invalid_request, naming the path, when a value
// cannot be stored.
func Parse(json []byte, options Options) (bson.Raw, error) {
	v, err := ParseValue(json, options)
	if err != nil {
		return nil, err
	}
	if v.Type != bson.TypeEmbeddedDocument {
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the JSON text must be an object, but it is of type %s", value.TypeName(v.Type))
	}
	return v.Value, nil
}

// ParseValue translates any JSON text to a value, with the errors of Parse.
func ParseValue(json []byte, options Options) (bson.RawValue, error) {
	p := parser{json: json, now: options.Now}
	t, dst, failure := p.value(make([]byte, 0, len(json)+len(json)/4+16))
	if failure == nil {
		if p.skipSpace(); p.pos < len(p.json) {
			failure = p.malformed("there is text after the end of the value")
		}
	}
	if failure != nil {
		return bson.RawValue{}, failure.err()
	}
	return bson.RawValue{Type: t, Value: dst}, nil
}

// ParseArray translates a JSON array of objects to documents, with the errors of Parse.
func ParseArray(json []byte, options Options) ([]bson.Raw, error) {
	v, err := ParseValue(json, options)
	if err != nil {
		return nil, err
	}
	if v.Type != bson.TypeArray {
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the JSON text must be an array, but it is of type %s", value.TypeName(v.Type))
	}
	docs := make([]bson.Raw, 0, value.Count(v.Value))
	for it := value.Elements(v.Value); ; {
		_, element, ok := it.Next()
		if !ok {
			return docs, nil
		}
		if element.Type != bson.TypeEmbeddedDocument {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "element %d must be an object, but it is of type %s", len(docs), value.TypeName(element.Type))
		}
		docs = append(docs, element.Value)
	}
}

type parser struct {
	json  []byte
	pos   int
	depth int
	now   time.Time
}

func (p *parser) skipSpace() {
	for p.pos < len(p.json) {
		switch p.json[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte after white space, 0 at the end.
func (p *parser) peek() byte {
	p.skipSpace()
	if p.pos < len(p.json) {
		return p.json[p.pos]
	}
	return 0
}

// value appends the bytes of the next value to dst and returns its type.
func (p *parser) value(dst []byte) (bson.Type, []byte, *failure) {
	switch c := p.peek(); c {
	case '{':
		return p.object(dst)
	case '[':
		return p.array(dst)
	case '"':
		dst, f := p.stringValue(dst)
		return bson.TypeString, dst, f
	case 't':
		return bson.TypeBoolean, append(dst, 1), p.word("true")
	case 'f':
		return bson.TypeBoolean, append(dst, 0), p.word("false")
	case 'n':
		return bson.TypeNull, dst, p.word("null")
	default:
		if c == '-' || (c >= '0' && c <= '9') {
			return p.number(dst)
		}
		return 0, dst, p.malformed("a value was expected")
	}
}

func (p *parser) word(word string) *failure {
	if !bytes.HasPrefix(p.json[p.pos:], []byte(word)) {
		return p.malformed("a value was expected")
	}
	p.pos += len(word)
	return nil
}

// enter steps into an object or array.
func (p *parser) enter() *failure {
	p.pos++
	if p.depth++; p.depth > MaxDepth {
		return p.invalid("is nested deeper than %d levels", MaxDepth)
	}
	return nil
}

func (p *parser) array(dst []byte) (bson.Type, []byte, *failure) {
	if f := p.enter(); f != nil {
		return 0, dst, f
	}
	start := len(dst)
	dst = value.BeginDocument(dst)
	for i := 0; p.peek() != ']'; i++ {
		if i > 0 {
			if p.peek() != ',' {
				return 0, dst, p.malformed("a comma or ] was expected")
			}
			p.pos++
		}
		element := len(dst)
		dst = value.AppendIndexHeader(dst, 0, i)
		var t bson.Type
		var f *failure
		if t, dst, f = p.value(dst); f != nil {
			return 0, dst, f.atIndex(i)
		}
		dst[element] = byte(t)
	}
	p.pos++
	p.depth--
	return bson.TypeArray, value.EndDocument(dst, start), nil
}

func (p *parser) object(dst []byte) (bson.Type, []byte, *failure) {
	if f := p.enter(); f != nil {
		return 0, dst, f
	}
	start := len(dst)
	dst = value.BeginDocument(dst)
	var keys keySet
	for first := true; p.peek() != '}'; first = false {
		if !first {
			if p.peek() != ',' {
				return 0, dst, p.malformed("a comma or } was expected")
			}
			p.pos++
		}
		element := len(dst)
		var f *failure
		if dst, f = p.key(append(dst, 0)); f != nil {
			return 0, dst, f
		}
		key := dst[element+1 : len(dst)-1]
		if first && len(key) > 0 && key[0] == '$' {
			if convert := wrappers[string(key)]; convert != nil {
				name := string(key)
				t, dst, f := p.wrapped(dst[:start], name, convert)
				return t, dst, f.at(name)
			}
		}
		var t bson.Type
		if t, dst, f = p.value(dst); f != nil {
			return 0, dst, f.at(keyAt(dst, element))
		}
		dst[element] = byte(t)
		dst = keys.add(dst, start, element)
	}
	p.pos++
	p.depth--
	return bson.TypeEmbeddedDocument, value.EndDocument(keys.compact(dst, start), start), nil
}

// keyAt returns the key of the element that starts at an offset.
func keyAt(dst []byte, element int) string {
	key := dst[element+1:]
	if end := bytes.IndexByte(key, 0); end >= 0 {
		key = key[:end]
	}
	return string(key)
}

// keySet finds equal keys of one object.
type keySet struct {
	count   int
	offsets map[string]int // by key, of elements relative to the object; nil while the object is small
	removed []int          // offsets of elements that a later one replaced
}

const smallObject = 16

// add notes the element that was appended last. An earlier one with the same key is removed: at once from a small
// object, by compact from a large one.
func (k *keySet) add(dst []byte, start, element int) []byte {
	k.count++
	key := dst[element+1:]
	key = key[:bytes.IndexByte(key, 0)]
	if k.offsets == nil && k.count <= smallObject {
		if old := findKey(dst, start, element, key); old >= 0 {
			k.count--
			dst = append(dst[:old], dst[old+elementSize(dst[old:]):]...)
		}
		return dst
	}
	if k.offsets == nil {
		k.offsets = make(map[string]int, 4*smallObject)
		for at := start + 4; at < element; at += elementSize(dst[at:]) {
			k.offsets[keyAt(dst, at)] = at - start
		}
	}
	if old, ok := k.offsets[string(key)]; ok {
		k.removed = append(k.removed, old)
	}
	k.offsets[string(key)] = element - start
	return dst
}

// compact drops the replaced elements of the object that began at start.
func (k *keySet) compact(dst []byte, start int) []byte {
	if len(k.removed) == 0 {
		return dst
	}
	slices.Sort(k.removed)
	kept := dst[:start+k.removed[0]]
	for i, offset := range k.removed {
		from := start + offset
		from += elementSize(dst[from:])
		to := len(dst)
		if i+1 < len(k.removed) {
			to = start + k.removed[i+1]
		}
		kept = append(kept, dst[from:to]...)
	}
	return kept
}

func findKey(dst []byte, start, end int, key []byte) int {
	for at := start + 4; at < end; at += elementSize(dst[at:]) {
		if bytes.HasPrefix(dst[at+1:], key) && dst[at+1+len(key)] == 0 {
			return at
		}
	}
	return -1
}

// elementSize returns the length of a well-formed element.
func elementSize(element []byte) int {
	head := 2 + bytes.IndexByte(element[1:], 0)
	return head + value.Size(bson.Type(element[0]), element[head:])
}

package value

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
)

// MaxDepth is how deep documents and arrays may be nested, the outermost document counting as one.
const MaxDepth = 100

// Validate checks that doc is well-formed BSON through and through, nested at most MaxDepth levels deep. It returns
// invalid_document, naming the field, otherwise.
func Validate(doc bson.Raw) error {
	if len(doc) < 5 || length(doc) != len(doc) {
		return yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document's length does not fit its bytes")
	}
	return validate(doc, "", 1)
}

func validate(doc []byte, path string, depth int) error {
	if depth > MaxDepth {
		return yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document is nested deeper than %d levels", MaxDepth)
	}
	if len(doc) < 5 || doc[len(doc)-1] != 0 {
		return malformed(path)
	}
	it := Elements(doc)
	for {
		key, v, ok := it.Next()
		if !ok {
			if len(it.rest) != 1 { // exactly the final zero byte is left
				return malformed(path)
			}
			return nil
		}
		if !wellFormed(v) {
			return malformed(join(path, key))
		}
		if v.Type == bson.TypeEmbeddedDocument || v.Type == bson.TypeArray {
			if err := validate(v.Value, join(path, key), depth+1); err != nil {
				return err
			}
		}
		if v.Type == bson.TypeCodeWithScope {
			n := Size(bson.TypeString, v.Value[4:])
			if n < 0 || 4+n+5 > len(v.Value) || length(v.Value[4+n:]) != len(v.Value)-4-n {
				return malformed(join(path, key))
			}
			if err := validate(v.Value[4+n:], join(path, key), depth+1); err != nil {
				return err
			}
		}
	}
}

// wellFormed checks what Size does not: the inside of a value.
func wellFormed(v bson.RawValue) bool {
	switch v.Type {
	case bson.TypeString, bson.TypeSymbol, bson.TypeJavaScript:
		return v.Value[len(v.Value)-1] == 0
	case bson.TypeBoolean:
		return v.Value[0] <= 1
	case bson.TypeDBPointer:
		return v.Value[len(v.Value)-13] == 0
	case bson.TypeBinary:
		return v.Value[4] != bson.TypeBinaryBinaryOld || (len(v.Value) >= 9 && int(binary.LittleEndian.Uint32(v.Value[5:])) == len(v.Value)-9)
	}
	return true
}

func join(path string, key []byte) string {
	if path == "" {
		return string(key)
	}
	return path + "." + string(key)
}

func malformed(path string) error {
	if path == "" {
		return yunduo.Errorf(yunduo.ReasonInvalidDocument, "the document's bytes are malformed")
	}
	return yunduo.Errorf(yunduo.ReasonInvalidDocument, "the bytes of the field '%s' are malformed", path)
}

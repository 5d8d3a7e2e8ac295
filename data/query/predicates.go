package query

import (
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// existsPredicate is $exists: true.
type existsPredicate struct{}

func (existsPredicate) matches(v bson.RawValue) bool { return v.Type != 0 }

// typePredicate is $type.
type typePredicate struct {
	types [256]bool
}

func newTypePredicate(path string, v bson.RawValue) (*typePredicate, error) {
	p := &typePredicate{}
	if v.Type != bson.TypeArray {
		return p, p.add(path, v)
	}
	if value.IsEmpty(v.Value) {
		return nil, invalidFilter("the field '%s' has $type with an empty list", path)
	}
	for it := value.Elements(v.Value); ; {
		_, item, ok := it.Next()
		if !ok {
			return p, nil
		}
		if err := p.add(path, item); err != nil {
			return nil, err
		}
	}
}

// add notes a type given by its name, by "number" or by its number.
func (p *typePredicate) add(path string, v bson.RawValue) error {
	if text, ok := value.Text(v); ok {
		if string(text) == "number" {
			for _, t := range []bson.Type{bson.TypeDouble, bson.TypeInt32, bson.TypeInt64, bson.TypeDecimal128} {
				p.types[t] = true
			}
			return nil
		}
		t, ok := value.TypeByName(string(text))
		if !ok {
			return invalidFilter("the field '%s' has $type with the unknown type name %q", path, text)
		}
		p.types[t] = true
		return nil
	}
	n, ok := value.Int64(v)
	if n == -1 {
		n = int64(bson.TypeMinKey)
	}
	if !ok || n < 1 || n > 255 || value.TypeName(bson.Type(n)) == "unknown" {
		return invalidFilter("the field '%s' has $type with something that is no type name or number", path)
	}
	p.types[n] = true
	return nil
}

func (p *typePredicate) matches(v bson.RawValue) bool { return v.Type != 0 && p.types[v.Type] }

// sizePredicate is $size.
type sizePredicate struct{ size int64 }

func newSizePredicate(path string, v bson.RawValue) (*sizePredicate, error) {
	n, ok := value.Int64(v)
	if !ok || n < 0 {
		return nil, invalidFilter("the field '%s' has $size without a whole number from 0", path)
	}
	return &sizePredicate{n}, nil
}

func (p *sizePredicate) matches(v bson.RawValue) bool {
	return v.Type == bson.TypeArray && int64(value.Count(v.Value)) == p.size
}

// modPredicate is $mod: [divisor, remainder].
type modPredicate struct{ divisor, remainder int64 }

func newModPredicate(path string, v bson.RawValue) (*modPredicate, error) {
	if v.Type != bson.TypeArray || value.Count(v.Value) != 2 {
		return nil, invalidFilter("the field '%s' has $mod without a list of divisor and remainder", path)
	}
	divisorValue, _ := value.Element(v.Value, 0)
	remainderValue, _ := value.Element(v.Value, 1)
	divisor, ok := truncated(divisorValue)
	remainder, okRemainder := truncated(remainderValue)
	if !ok || !okRemainder || divisor == 0 {
		return nil, invalidFilter("the field '%s' has $mod with a divisor or remainder that is no number, or with the divisor 0", path)
	}
	return &modPredicate{divisor, remainder}, nil
}

// truncated returns a number without its fraction if it then fits int64.
func truncated(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bson.TypeDouble:
		v = value.Double(math.Trunc(v.Double()))
	case bson.TypeDecimal128:
		f, ok := value.Float64(v)
		if n, whole := value.Int64(v); whole {
			return n, true
		}
		if !ok {
			return 0, false
		}
		v = value.Double(math.Trunc(f))
	}
	return value.Int64(v)
}

func (p *modPredicate) matches(v bson.RawValue) bool {
	if !value.IsNumber(v) {
		return false
	}
	var n int64
	switch v.Type {
	case bson.TypeDouble: // without the detour of truncated, which allocates
		f := math.Trunc(v.Double())
		if !(f >= -1<<63 && f < 1<<63) {
			return false
		}
		n = int64(f)
	default:
		var ok bool
		if n, ok = truncated(v); !ok {
			return false
		}
	}
	if p.divisor == -1 {
		return p.remainder == 0 // the smallest integer has no quotient by -1
	}
	return n%p.divisor == p.remainder
}

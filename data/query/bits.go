package query

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// bitsPredicate is $bitsAllSet, $bitsAnySet, $bitsAllClear or $bitsAnyClear.
type bitsPredicate struct {
	positions []int
	set       bool // the bits are asked to be set, else clear
	all       bool // all of them, else any
}

const maxBitPosition = 1 << 27 // of the largest document

func newBitsPredicate(path, operator string, v bson.RawValue) (*bitsPredicate, error) {
	p := &bitsPredicate{set: operator == "$bitsAllSet" || operator == "$bitsAnySet", all: operator == "$bitsAllSet" || operator == "$bitsAllClear"}
	switch v.Type {
	case bson.TypeArray:
		for it := value.Elements(v.Value); ; {
			_, item, ok := it.Next()
			if !ok {
				return p, nil
			}
			n, ok := value.Int64(item)
			if !ok || n < 0 || n >= maxBitPosition {
				return nil, invalidFilter("the field '%s' has %s with a bit position that is no whole number from 0", path, operator)
			}
			p.positions = append(p.positions, int(n))
		}
	case bson.TypeBinary:
		_, data, ok := v.BinaryOK()
		if !ok {
			return nil, invalidFilter("the field '%s' has %s with malformed binary data", path, operator)
		}
		for i := range len(data) * 8 {
			if data[i/8]>>(i%8)&1 == 1 {
				p.positions = append(p.positions, i)
			}
		}
		return p, nil
	}
	mask, ok := value.Int64(v)
	if !ok || mask < 0 {
		return nil, invalidFilter("the field '%s' has %s without a mask from 0, a list of bit positions or binary data", path, operator)
	}
	for i := range 63 {
		if mask>>i&1 == 1 {
			p.positions = append(p.positions, i)
		}
	}
	return p, nil
}

func (p *bitsPredicate) matches(v bson.RawValue) bool {
	var bit func(int) bool
	if v.Type == bson.TypeBinary {
		_, data, ok := v.BinaryOK()
		if !ok {
			return false
		}
		bit = func(i int) bool { return i/8 < len(data) && data[i/8]>>(i%8)&1 == 1 }
	} else {
		n, ok := value.Int64(v)
		if !ok {
			return false
		}
		bit = func(i int) bool { return n>>min(i, 63)&1 == 1 } // the sign goes on for ever
	}
	for _, i := range p.positions {
		if bit(i) == p.set {
			if !p.all {
				return true
			}
		} else if p.all {
			return false
		}
	}
	return p.all
}

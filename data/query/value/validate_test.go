package value_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/internal/random"
	"yunduo/data/query/value"
)

func TestValidate(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 2_000 {
		doc := random.Document(r, 4)
		if err := value.Validate(doc); err != nil {
			t.Fatalf("%v: %v", doc, err)
		}
		for range 20 { // what passes after damage must be readable by the driver as well
			damaged := append(bson.Raw(nil), doc...)
			damaged[r.IntN(len(damaged))] ^= byte(1 << r.IntN(8))
			if value.Validate(damaged) == nil && damaged.Validate() != nil {
				t.Fatalf("%x is accepted, but the driver says %v", []byte(damaged), damaged.Validate())
			}
		}
	}
	nested := func(levels int) bson.Raw {
		doc := bson.Raw{5, 0, 0, 0, 0}
		for range levels - 1 {
			doc = value.EndDocument(value.Append(value.BeginDocument(nil), "a", value.Document(doc)), 0)
		}
		return doc
	}
	if err := value.Validate(nested(value.MaxDepth)); err != nil {
		t.Error(err)
	}
	for name, doc := range map[string]bson.Raw{
		"nil": nil, "empty": {}, "too long": {6, 0, 0, 0, 0}, "bytes behind the end": {6, 0, 0, 0, 0, 0}, "no end": {5, 0, 0, 0, 1}, "too deep": nested(value.MaxDepth + 1),
		"bool of 2": {9, 0, 0, 0, 8, 'a', 0, 2, 0}, "text without end": {14, 0, 0, 0, 2, 'a', 0, 2, 0, 0, 0, 'x', 'y', 0}, "unknown type": {8, 0, 0, 0, 0x40, 'a', 0, 0},
	} {
		if err := value.Validate(doc); yunduo.ReasonOf(err) != yunduo.ReasonInvalidDocument {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := value.EndDocument(value.Append(value.BeginDocument(nil), "o", value.Document(bson.Raw{9, 0, 0, 0, 8, 'a', 0, 2, 0})), 0)
	if err := value.Validate(broken); err == nil || !strings.Contains(err.Error(), "'o.a'") {
		t.Errorf("the path is not named: %v", err)
	}
}

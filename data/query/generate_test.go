package query_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// gen makes documents and filters of few names and values, so that they often meet.
type gen struct{ *rand.Rand }

func (g gen) value(depth int) any {
	kinds := 8
	if depth > 0 {
		kinds = 12
	}
	switch g.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return "x"
	case 2:
		return []any{true, float64(1), float64(1.5), int64(2), "y", math.NaN()}[g.IntN(6)]
	case 8, 9:
		array := bson.A{}
		for range g.IntN(4) {
			array = append(array, g.value(depth-1))
		}
		return array
	case 10, 11:
		return g.document(depth - 1)
	}
	return int32(g.IntN(4))
}

func (g gen) document(depth int) bson.D {
	d := bson.D{}
	for _, key := range []string{"a", "b", "0"} {
		if g.IntN(3) > 0 {
			d = append(d, bson.E{Key: key, Value: g.value(depth)})
		}
	}
	return d
}

func (g gen) list(least int) bson.A {
	list := bson.A{}
	for range least + g.IntN(3) {
		list = append(list, g.value(1))
	}
	return list
}

func (g gen) operators(depth int) bson.D {
	d := bson.D{}
	for range 1 + g.IntN(2) {
		op := []string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$size", "$all", "$elemMatch", "$not"}[g.IntN(13)]
		var arg any
		switch op {
		case "$in", "$nin", "$all":
			arg = g.list(0)
		case "$exists":
			arg = g.IntN(2) == 0
		case "$size":
			arg = int32(g.IntN(4))
		case "$not", "$elemMatch":
			switch {
			case depth == 0:
				continue
			case op == "$not" || g.IntN(2) == 0:
				arg = g.operators(depth - 1)
			default:
				arg = g.filter(depth - 1)
			}
			if len(arg.(bson.D)) == 0 {
				continue
			}
		default:
			arg = g.value(2)
		}
		d = append(d, bson.E{Key: op, Value: arg})
	}
	return d
}

func (g gen) filter(depth int) bson.D {
	d := bson.D{}
	for range 1 + g.IntN(2) {
		if depth > 0 && g.IntN(4) == 0 {
			list := bson.A{}
			for range 1 + g.IntN(2) {
				list = append(list, g.filter(depth-1))
			}
			d = append(d, bson.E{Key: []string{"$and", "$or", "$nor"}[g.IntN(3)], Value: list})
			continue
		}
		path := []string{"a", "b", "a.b", "a.0", "a.b.0", "a.0.b", "a.0.0", "b.a"}[g.IntN(8)]
		var condition any = g.operators(depth)
		if len(condition.(bson.D)) == 0 || g.IntN(3) == 0 {
			condition = g.value(2)
		}
		d = append(d, bson.E{Key: path, Value: condition})
	}
	return d
}

func marshal(t testing.TB, d bson.D) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

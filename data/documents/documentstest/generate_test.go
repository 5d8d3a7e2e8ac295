package documentstest

import (
	"math/rand"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// The questions keep to what mingo answers as MongoDB does:
//   - Values are of one JSON type each: mingo has one type of number.
//   - Paths lead through objects or through one array of objects, not through arrays of arrays: mingo also looks into
//     those, and takes what a path collects for an array.
//   - Order is asked of fields without arrays, and comparison expressions of fields that exist and have one type.
//   - Objects are compared field by field in one order: mingo ignores the order.
var (
	scalars = []string{"a", "b", "s"} // a and b hold numbers, s a text; each may be missing
	words   = []string{"", "a", "ab", "b", "B", "中"}
)

func number(r *rand.Rand) any {
	if r.Intn(4) == 0 {
		return float64(r.Intn(17)-8) / 2
	}
	return int32(r.Intn(9) - 3)
}

func word(r *rand.Rand) string { return words[r.Intn(len(words))] }

func scalarOf(r *rand.Rand, field string) any {
	if field == "s" {
		return word(r)
	}
	return number(r)
}

func some(r *rand.Rand, n int, make func() any) bson.A {
	list := bson.A{}
	for range n {
		list = append(list, make())
	}
	return list
}

func randomPlain(r *rand.Rand, id int) bson.D {
	doc := d("_id", int32(id))
	for _, f := range scalars {
		if r.Intn(5) > 0 {
			doc = append(doc, bson.E{Key: f, Value: scalarOf(r, f)})
		}
	}
	doc = append(doc, bson.E{Key: "k", Value: int32(r.Intn(4))}, bson.E{Key: "w", Value: word(r)}) // always there
	if r.Intn(4) > 0 {
		doc = append(doc, bson.E{Key: "l", Value: some(r, r.Intn(4), func() any { return number(r) })})
	}
	if r.Intn(4) > 0 {
		doc = append(doc, bson.E{Key: "o", Value: d("x", number(r), "y", word(r))})
	}
	if r.Intn(3) > 0 {
		doc = append(doc, bson.E{Key: "m", Value: some(r, r.Intn(3), func() any { return d("x", number(r), "y", word(r)) })})
	}
	return doc
}

func randomQuestion(r *rand.Rand) question {
	q := question{}
	for i := range 1 + r.Intn(12) {
		q.docs = append(q.docs, raw(randomPlain(r, i+1)))
	}
	switch r.Intn(4) {
	case 0:
		q.update, q.filter = raw(plainUpdate(r)), raw(plainFilter(r, 2))
	case 1:
		for range 1 + r.Intn(4) {
			q.pipeline = append(q.pipeline, raw(plainStage(r)))
		}
		// A grouping stage has no order of its own and changes what the fields are, so it comes last.
		if r.Intn(2) == 0 {
			q.pipeline = append(q.pipeline, raw(plainGroup(r)))
		}
	default:
		q.filter = raw(plainFilter(r, 3))
		if r.Intn(2) == 0 {
			q.sort = raw(plainSort(r))
		}
		if r.Intn(3) == 0 {
			q.projection = raw(plainProjection(r))
		}
	}
	return q
}

func plainSort(r *rand.Rand) bson.D {
	sort := bson.D{}
	for _, i := range r.Perm(4)[:1+r.Intn(2)] {
		sort = append(sort, bson.E{Key: []string{"a", "s", "k", "w"}[i], Value: int32(1 - 2*r.Intn(2))})
	}
	return append(sort, bson.E{Key: "_id", Value: int32(1)})
}

func plainProjection(r *rand.Rand) bson.D {
	mode := int32(r.Intn(2))
	p := bson.D{}
	for _, i := range r.Perm(5)[:1+r.Intn(3)] {
		p = append(p, bson.E{Key: []string{"a", "s", "l", "o.x", "m"}[i], Value: mode})
	}
	if r.Intn(3) == 0 {
		p = append(p, bson.E{Key: "_id", Value: int32(0)})
	}
	return p
}

func plainFilter(r *rand.Rand, depth int) bson.D {
	f := bson.D{}
	for _, path := range []string{"a", "s", "l", "o.x", "o.y", "m.x", "k"} {
		if r.Intn(4) == 0 {
			f = append(f, bson.E{Key: path, Value: plainCondition(r, path)})
		}
	}
	if depth > 0 && r.Intn(3) == 0 {
		operator := []string{"$and", "$or", "$nor"}[r.Intn(3)]
		f = append(f, bson.E{Key: operator, Value: some(r, 1+r.Intn(3), func() any { return plainFilter(r, depth-1) })})
	}
	return f
}

func plainCondition(r *rand.Rand, path string) any {
	v := func() any {
		if path == "s" || path == "o.y" {
			return word(r)
		}
		return number(r)
	}
	array := path == "l"
	switch r.Intn(15) {
	case 0:
		return d("$gt", v())
	case 1:
		return d("$gte", v())
	case 2:
		return d("$lt", v())
	case 3:
		return d("$lte", v())
	case 4:
		return d("$ne", v())
	case 5:
		return d("$in", some(r, r.Intn(4), v))
	case 6:
		return d("$nin", some(r, r.Intn(4), v))
	case 7:
		if path == "m.x" { // mingo finds a field where no element has it
			return v()
		}
		return d("$exists", r.Intn(2) == 0)
	case 8:
		return d("$not", d("$gt", v()))
	case 9:
		return d("$gt", v(), "$lt", v())
	case 10:
		if path == "s" {
			return d("$regex", []string{"^a", "b$", "A", "^.$"}[r.Intn(4)])
		}
		if path == "a" || path == "k" {
			return d("$mod", bson.A{int32(2 + r.Intn(2)), int32(r.Intn(2))})
		}
	case 11:
		if array {
			return d("$all", some(r, 1+r.Intn(2), v))
		}
	case 12:
		if array {
			return d("$size", int32(r.Intn(4)))
		}
	case 13:
		if array {
			return d("$elemMatch", d("$gte", v(), "$lt", v()))
		}
	}
	return v()
}

func plainUpdate(r *rand.Rand) bson.D {
	// Fields that are there in every document or are made by the operator; each at most once, so that none conflict.
	choices := []func() bson.E{
		func() bson.E {
			return bson.E{Key: "$set", Value: d([]string{"a", "n", "o.z", "k"}[r.Intn(4)], number(r))}
		},
		func() bson.E { return bson.E{Key: "$unset", Value: d([]string{"b", "o.y", "none"}[r.Intn(3)], "")} },
		func() bson.E { return bson.E{Key: "$inc", Value: d([]string{"c", "o.x"}[r.Intn(2)], number(r))} },
		func() bson.E { return bson.E{Key: "$push", Value: d("l", plainPush(r))} },
		func() bson.E { return bson.E{Key: "$rename", Value: d("w", "v")} },
		func() bson.E { return bson.E{Key: "$min", Value: d("e", number(r))} },
		func() bson.E { return bson.E{Key: "$max", Value: d("f", number(r))} },
		func() bson.E { return bson.E{Key: "$mul", Value: d("g", int32(2))} },
	}
	if r.Intn(2) == 0 {
		choices[3] = func() bson.E {
			return []bson.E{
				{Key: "$pull", Value: d("l", number(r))}, {Key: "$pull", Value: d("l", d("$gt", number(r)))},
				{Key: "$pullAll", Value: d("l", some(r, 2, func() any { return number(r) }))},
				{Key: "$pop", Value: d("l", int32(1-2*r.Intn(2)))}, {Key: "$addToSet", Value: d("l", number(r))},
			}[r.Intn(5)]
		}
	}
	update := bson.D{}
	for _, i := range r.Perm(len(choices))[:1+r.Intn(2)] {
		update = append(update, choices[i]())
	}
	return update
}

func plainPush(r *rand.Rand) any {
	if r.Intn(3) == 0 {
		return number(r)
	}
	push := d("$each", some(r, 1+r.Intn(3), func() any { return number(r) }))
	if r.Intn(3) == 0 {
		push = append(push, bson.E{Key: "$sort", Value: int32(1 - 2*r.Intn(2))})
	} else if r.Intn(3) == 0 {
		push = append(push, bson.E{Key: "$position", Value: int32(r.Intn(5) - 2)})
	}
	if r.Intn(3) == 0 {
		push = append(push, bson.E{Key: "$slice", Value: int32(r.Intn(7) - 3)})
	}
	return push
}

func plainStage(r *rand.Rand) bson.D {
	switch r.Intn(6) {
	case 0:
		return d("$match", plainFilter(r, 1))
	case 1:
		return d("$sort", plainSort(r))
	case 2:
		return d("$skip", int32(r.Intn(3)))
	case 3:
		return d("$limit", int32(1+r.Intn(8)))
	case 4:
		return d("$unwind", d("path", "$l", "preserveNullAndEmptyArrays", r.Intn(2) == 0))
	}
	return d("$addFields", d("n"+string(rune('0'+r.Intn(3))), plainExpression(r, 2)))
}

// plainExpression computes with k, a number, and w, a text, which every document has.
func plainExpression(r *rand.Rand, depth int) any {
	if depth == 0 {
		return []any{"$k", "$k", "$_id", int32(r.Intn(5))}[r.Intn(4)]
	}
	e := func() any { return plainExpression(r, depth-1) }
	switch r.Intn(12) {
	case 0:
		return d("$add", bson.A{e(), e()})
	case 1:
		return d("$subtract", bson.A{e(), e()})
	case 2:
		return d("$multiply", bson.A{e(), e()})
	case 3:
		return d("$cond", bson.A{d([]string{"$gt", "$gte", "$lt", "$lte", "$eq", "$ne"}[r.Intn(6)], bson.A{e(), e()}), e(), e()})
	case 4:
		return d("$ifNull", bson.A{"$none", e()})
	case 5:
		return d("$strLenCP", d("$concat", bson.A{"$w", "x", "$w"}))
	case 6:
		return d("$size", d("$ifNull", bson.A{"$m", bson.A{}}))
	case 7:
		return d("$sum", bson.A{e(), e(), e()})
	case 8:
		return d("$reduce", d("input", bson.A{e(), e()}, "initialValue", int32(0), "in", d("$add", bson.A{"$$value", "$$this"})))
	case 9:
		return d("$size", d("$filter", d("input", bson.A{e(), e(), e()}, "as", "x", "cond", d("$gt", bson.A{"$$x", int32(1)}))))
	case 10:
		return d("$max", bson.A{e(), e()})
	}
	return d("$abs", d("$subtract", bson.A{e(), e()}))
}

func plainGroup(r *rand.Rand) bson.D {
	return d("$group", d("_id", []any{"$k", "$w", nil, d("k", "$k", "w", "$w")}[r.Intn(4)],
		"n", d("$sum", int32(1)), "s", d("$sum", "$k"), "lo", d("$min", "$_id"), "hi", d("$max", "$k"), "avg", d("$avg", "$k")))
}

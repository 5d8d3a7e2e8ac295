package expr_test

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/expr"
)

// generator makes expressions out of bytes, so that fuzzing explores operators and values instead of BSON's framing.
type generator struct {
	data  []byte
	depth int
}

func (g *generator) pick(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := int(g.data[0])
	g.data = g.data[1:]
	return b % n
}

var (
	plainOperators = []string{
		"$add", "$subtract", "$multiply", "$divide", "$mod", "$abs", "$ceil", "$floor", "$round", "$trunc", "$pow", "$log", "$exp", "$ln",
		"$log10", "$sqrt", "$sin", "$acos", "$atan2", "$bitAnd", "$bitNot", "$and", "$or", "$not", "$cond", "$ifNull", "$cmp", "$eq", "$gt",
		"$lte", "$arrayElemAt", "$first", "$last", "$concatArrays", "$in", "$indexOfArray", "$isArray", "$range", "$reverseArray", "$size",
		"$slice", "$allElementsTrue", "$anyElementTrue", "$setDifference", "$setEquals", "$setIntersection", "$setIsSubset", "$setUnion",
		"$mergeObjects", "$objectToArray", "$arrayToObject", "$bsonSize", "$binarySize", "$getField", "$concat", "$indexOfBytes",
		"$indexOfCP", "$split", "$strLenBytes", "$strLenCP", "$strcasecmp", "$substr", "$substrCP", "$toLower", "$toUpper", "$toString",
		"$toInt", "$toLong", "$toDouble", "$toDecimal", "$toDate", "$toBool", "$toObjectId", "$type", "$isNumber", "$year", "$month",
		"$week", "$isoWeek", "$isoWeekYear", "$dayOfYear", "$hour", "$millisecond", "$sum", "$avg", "$min", "$max", "$stdDevPop",
		"$stdDevSamp", "$literal", "$nosuch",
	}
	namedOperators = []struct {
		name   string
		params []string
	}{
		{"$filter", []string{"input", "cond", "limit"}}, {"$map", []string{"input", "in"}}, {"$reduce", []string{"input", "initialValue", "in"}},
		{"$zip", []string{"inputs"}}, {"$sortArray", []string{"input", "sortBy"}}, {"$firstN", []string{"n", "input"}},
		{"$minN", []string{"n", "input"}}, {"$cond", []string{"if", "then", "else"}}, {"$convert", []string{"input", "to", "onError", "onNull"}},
		{"$trim", []string{"input", "chars"}}, {"$replaceAll", []string{"input", "find", "replacement"}},
		{"$regexFindAll", []string{"input", "regex", "options"}}, {"$regexMatch", []string{"input", "regex"}},
		{"$dateToString", []string{"date", "format", "timezone", "onNull"}}, {"$dateFromString", []string{"dateString", "format", "timezone", "onError"}},
		{"$dateFromString", []string{"dateString"}}, {"$dateToParts", []string{"date", "timezone", "iso8601"}},
		{"$dateFromParts", []string{"year", "month", "day", "hour", "millisecond", "timezone"}},
		{"$dateFromParts", []string{"isoWeekYear", "isoWeek", "isoDayOfWeek", "minute"}}, {"$dateAdd", []string{"startDate", "unit", "amount", "timezone"}},
		{"$dateDiff", []string{"startDate", "endDate", "unit", "timezone", "startOfWeek"}},
		{"$dateTrunc", []string{"date", "unit", "binSize", "timezone", "startOfWeek"}}, {"$setField", []string{"field", "input", "value"}},
		{"$hour", []string{"date", "timezone"}},
	}
	fields = []string{
		"$i", "$neg", "$big", "$l", "$d", "$dec", "$nan", "$s", "$cn", "$empty", "$n", "$t", "$f", "$zero", "$at", "$oid", "$o", "$o.b.c", "$a",
		"$none", "$strs", "$docs", "$docs.sub.n", "$re", "$bin", "$ts", "$missing", "$$ROOT", "$$NOW", "$$REMOVE", "$$this", "$$value", "$$x",
	}
	literals = []any{
		0, 1, -1, 2, 7, 100, int64(1) << 62, -int64(1) << 63, int32(-1) << 31, 0.5, -2.5, 1e300, "", "a", "UTC", "Asia/Shanghai", "+08:00",
		"year", "month", "week", "day", "hour", "millisecond", "mon", "%Y-%m-%d %H:%M:%S.%L %z", "%G-W%V-%u %j", "2024-02-29T20:30:40Z", "string",
		"date", "objectId", "(a*)(b)?", "i", true, false, nil, bson.D{{Key: "v", Value: 1}}, bson.A{}, bson.A{1, "x", nil},
		bson.NewDateTimeFromTime(time.Date(2024, 3, 10, 7, 0, 0, 0, time.UTC)), bson.DateTime(-1 << 63), bson.DateTime(1<<63 - 1),
		bson.MinKey{}, bson.MaxKey{}, bson.Regex{Pattern: "l+", Options: "i"},
	}
)

func (g *generator) expression() any {
	g.depth++
	defer func() { g.depth-- }()
	kind := g.pick(10)
	if g.depth > 6 {
		kind %= 3
	}
	switch kind {
	case 0, 1:
		return fields[g.pick(len(fields))]
	case 2:
		return literals[g.pick(len(literals))]
	case 3:
		list := bson.A{}
		for range g.pick(4) {
			list = append(list, g.expression())
		}
		return list
	case 4:
		return bson.D{{Key: "a", Value: g.expression()}, {Key: "b", Value: g.expression()}}
	case 5:
		return bson.D{{Key: "$let", Value: bson.D{{Key: "vars", Value: bson.D{{Key: "x", Value: g.expression()}}}, {Key: "in", Value: g.expression()}}}}
	case 6, 7:
		op := namedOperators[g.pick(len(namedOperators))]
		args := bson.D{}
		for _, name := range op.params {
			args = append(args, bson.E{Key: name, Value: g.expression()})
		}
		return bson.D{{Key: op.name, Value: args}}
	}
	args := bson.A{}
	for range g.pick(5) {
		args = append(args, g.expression())
	}
	return bson.D{{Key: plainOperators[g.pick(len(plainOperators))], Value: args}}
}

// FuzzOperators checks that any combination of operators, fields and values ends in a value or a proper error.
func FuzzOperators(f *testing.F) {
	seed := uint32(1)
	for range 300 {
		data := make([]byte, 64)
		for i := range data {
			seed = seed*1664525 + 1013904223
			data[i] = byte(seed >> 24)
		}
		f.Add(data)
	}
	doc := bson.Raw(parseValue(f, document).Value)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1000 {
			return
		}
		g := &generator{data: data}
		raw, err := bson.Marshal(bson.D{{Key: "e", Value: g.expression()}})
		if err != nil {
			return // such as a name with a zero byte
		}
		e, err := expr.ParseWith(bson.Raw(raw).Lookup("e"), expr.Scope{Declared: []string{"x"}})
		if err != nil {
			checkReason(t, err)
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		v, err := e.Eval(doc, expr.Vars{Now: now, Context: ctx})
		if err != nil {
			checkReason(t, err)
			return
		}
		if v.Type != 0 && v.Validate() != nil {
			t.Fatalf("%s makes a malformed value: type %v, bytes %x", bson.Raw(raw), v.Type, v.Value)
		}
	})
}

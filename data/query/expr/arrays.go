package expr

import (
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

func arrayOperators() map[string]operator {
	return map[string]operator{
		"$arrayElemAt":  positional(2, 2, arrayElemAt),
		"$first":        positional(1, 1, endElement),
		"$last":         positional(1, 1, endElement),
		"$concatArrays": positional(0, -1, concatArrays),
		"$in":           textual(2, 2, in),
		"$indexOfArray": textual(2, 4, indexOfArray),
		"$isArray":      positional(1, 1, isArray),
		"$range":        positional(2, 3, rangeOf),
		"$reverseArray": positional(1, 1, reverseArray),
		"$size":         positional(1, 1, size),
		"$slice":        positional(2, 3, slice),
		"$filter":       compileFilter,
		"$map":          compileMap,
		"$reduce":       compileReduce,
		"$let":          compileLet,
		"$zip":          compileZip,
		"$sortArray":    compileSortArray,
		"$firstN":       named(someElements, "n", "input"),
		"$lastN":        named(someElements, "n", "input"),
		"$maxN":         compileExtreme,
		"$minN":         compileExtreme,
	}
}

func arrayElemAt(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the first argument must be an array, not %s", typeName(a[0]))
	}
	i, ok := integer(a[1])
	if !ok {
		return a[1], failedAs(28690, op, "the second argument must be a whole number of 32 bits, not %s", describe(a[1]))
	}
	return elementAt(a[0], i), nil
}

// elementAt returns element i, counted from the end if negative; missing outside the array.
func elementAt(array bson.RawValue, i int) bson.RawValue {
	if i < 0 {
		if i += count(array); i < 0 {
			return bson.RawValue{}
		}
	}
	for w := walk(array.Value); w.next(); i-- {
		if i == 0 {
			return w.value
		}
	}
	return bson.RawValue{}
}

func endElement(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the argument must be an array, not %s", typeName(a[0]))
	}
	if op == "$first" {
		return elementAt(a[0], 0), nil
	}
	return elementAt(a[0], -1), nil
}

func concatArrays(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	b := newArray(op)
	for _, v := range a {
		if v.Type != bson.TypeArray {
			return v, failed(op, "every argument must be an array, not %s", typeName(v))
		}
		for w := walk(v.Value); w.next(); {
			if err := b.push(w.value); err != nil {
				return v, err
			}
		}
	}
	return b.done(), nil
}

func in(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	if a[1].Type != bson.TypeArray {
		return a[1], failed(op, "the second argument must be an array, not %s", typeName(a[1]))
	}
	for w := walk(a[1].Value); w.next(); {
		if value.CompareBy(by, w.value, a[0]) == 0 {
			return value.Bool(true), nil
		}
	}
	return value.Bool(false), nil
}

func indexOfArray(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the first argument must be an array, not %s", typeName(a[0]))
	}
	start, end, err := bounds(op, a, 1<<31-1)
	if err != nil {
		return a[0], err
	}
	i := 0
	for w := walk(a[0].Value); w.next() && i < end; i++ {
		if i >= start && value.CompareBy(by, w.value, a[1]) == 0 {
			return value.Int32(int32(i)), nil
		}
	}
	return value.Int32(-1), nil
}

// bounds reads the optional start (third) and end (fourth argument) of a search.
func bounds(op string, a []bson.RawValue, length int) (start, end int, err error) {
	end = length
	for i, target := range []*int{&start, &end} {
		if len(a) <= i+2 {
			break
		}
		n, ok := integer(a[i+2])
		if !ok || n < 0 {
			return 0, 0, failed(op, "start and end must be whole numbers that are not negative, not %s", describe(a[i+2]))
		}
		*target = n
	}
	return start, min(end, length), nil
}

func isArray(_ string, a []bson.RawValue) (bson.RawValue, error) {
	return value.Bool(a[0].Type == bson.TypeArray), nil
}

func rangeOf(op string, a []bson.RawValue) (bson.RawValue, error) {
	limits := [3]int{2: 1}
	for i, v := range a {
		n, ok := integer(v)
		if !ok {
			return v, failed(op, "the arguments must be whole numbers of 32 bits, not %s", describe(v))
		}
		limits[i] = n
	}
	start, end, step := limits[0], limits[1], limits[2]
	if step == 0 {
		return a[2], failedAs(34449, op, "the step must not be 0")
	}
	b := newArray(op)
	for n := start; step > 0 && n < end || step < 0 && n > end; n += step {
		if err := b.push(value.Int32(int32(n))); err != nil {
			return a[0], err
		}
	}
	return b.done(), nil
}

func reverseArray(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the argument must be an array, not %s", typeName(a[0]))
	}
	items := values(a[0])
	slices.Reverse(items)
	return arrayOf(op, items)
}

func size(op string, a []bson.RawValue) (bson.RawValue, error) {
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the argument must be an array, not %s", typeName(a[0]))
	}
	return value.Int32(int32(count(a[0]))), nil
}

func slice(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a...) {
		return value.Null, nil
	}
	if a[0].Type != bson.TypeArray {
		return a[0], failed(op, "the first argument must be an array, not %s", typeName(a[0]))
	}
	var numbers [2]int
	for i, v := range a[1:] {
		n, ok := integer(v)
		if !ok {
			return v, failed(op, "position and count must be whole numbers of 32 bits, not %s", describe(v))
		}
		numbers[i] = n
	}
	items := values(a[0])
	start, n := 0, numbers[0]
	switch {
	case len(a) == 3:
		if start, n = numbers[0], numbers[1]; n <= 0 {
			return a[2], failedAs(28729, op, "the number of elements must be positive, not %d", n)
		}
		if start < 0 {
			start = max(0, len(items)+start)
		}
	case n < 0:
		start, n = max(0, len(items)+n), -n
	}
	start = min(start, len(items))
	return arrayOf(op, items[start:min(len(items), start+n)])
}

// checkCount reads n of the operators that return so many elements.
func checkCount(op string, v bson.RawValue) (int, error) {
	n, ok := value.Int64(v)
	if !ok || n <= 0 {
		return 0, failed(op, "n must be a positive whole number, not %s", describe(v))
	}
	return int(min(n, 1<<31-1)), nil
}

func someElements(op string, a []bson.RawValue) (bson.RawValue, error) {
	n, err := checkCount(op, a[0])
	if err != nil {
		return a[0], err
	}
	if a[1].Type != bson.TypeArray {
		return a[1], failed(op, "input must be an array, not %s", typeName(a[1]))
	}
	items := values(a[1])
	n = min(n, len(items))
	if op == "$firstN" {
		return arrayOf(op, items[:n])
	}
	return arrayOf(op, items[len(items)-n:])
}

func compileExtreme(c *compiler, name string, arg bson.RawValue) (node, error) {
	return named(textualFunction(extremeElements).by(c.collation), "n", "input")(c, name, arg)
}

func extremeElements(by *collation.Collation, op string, a []bson.RawValue) (bson.RawValue, error) {
	n, err := checkCount(op, a[0])
	if err != nil {
		return a[0], err
	}
	if a[1].Type != bson.TypeArray {
		return a[1], failed(op, "input must be an array, not %s", typeName(a[1]))
	}
	items := slices.DeleteFunc(values(a[1]), value.Nullish)
	slices.SortStableFunc(items, func(a, b bson.RawValue) int {
		if op == "$maxN" {
			a, b = b, a
		}
		return value.CompareBy(by, a, b)
	})
	return arrayOf(op, items[:min(n, len(items))])
}

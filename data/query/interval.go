package query

import (
	"cmp"
	"math"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// Interval is a range of values in MongoDB's order. A zero bound (type 0) is the key of an empty array or of a stored
// undefined, which lies between MinKey and null.
type Interval struct {
	Low, High         bson.RawValue
	LowOpen, HighOpen bool // the bound itself is outside
}

func point(v bson.RawValue) Interval { return Interval{Low: v, High: v} }

func (i Interval) isPoint() bool { return !i.LowOpen && !i.HighOpen && value.Equal(i.Low, i.High) }

func (i Interval) empty() bool {
	order := value.Compare(i.Low, i.High)
	return order > 0 || (order == 0 && (i.LowOpen || i.HighOpen))
}

func compareLow(a, b Interval) int {
	return cmp.Or(value.Compare(a.Low, b.Low), compareOpen(a.LowOpen, b.LowOpen))
}

func compareHigh(a, b Interval) int {
	return cmp.Or(value.Compare(a.High, b.High), compareOpen(b.HighOpen, a.HighOpen))
}

// compareOpen orders two bounds at the same value by what lies above them: an open lower one begins later.
func compareOpen(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// union sorts and merges intervals that overlap or touch.
func union(list []Interval) []Interval {
	list = slices.DeleteFunc(slices.Clone(list), Interval.empty)
	slices.SortFunc(list, compareLow)
	merged := []Interval{}
	for _, next := range list {
		if len(merged) > 0 {
			last := &merged[len(merged)-1]
			gap := value.Compare(last.High, next.Low)
			if gap > 0 || (gap == 0 && !(last.HighOpen && next.LowOpen)) {
				if compareHigh(next, *last) > 0 {
					last.High, last.HighOpen = next.High, next.HighOpen
				}
				continue
			}
		}
		merged = append(merged, next)
	}
	return merged
}

// intersection returns what lies in an interval of both sorted lists.
func intersection(a, b []Interval) []Interval {
	both := []Interval{}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		next := a[i]
		if compareLow(b[j], next) > 0 {
			next.Low, next.LowOpen = b[j].Low, b[j].LowOpen
		}
		order := compareHigh(a[i], b[j])
		if order > 0 {
			next.High, next.HighOpen = b[j].High, b[j].HighOpen
		}
		if !next.empty() {
			both = append(both, next)
		}
		if order <= 0 {
			i++
		} else {
			j++
		}
	}
	return both
}

// lowest holds the least value of each class, in order.
var lowest = []struct {
	class value.Class
	value bson.RawValue
}{
	{value.ClassMissing, bson.RawValue{}},
	{value.ClassNull, value.Null},
	{value.ClassNumber, value.Double(math.NaN())},
	{value.ClassString, value.String("")},
	{value.ClassObject, value.Document(emptyDocument)},
	{value.ClassArray, value.Array(emptyDocument)},
	{value.ClassBinary, value.Binary(0, nil)},
	{value.ClassObjectID, value.ObjectID(bson.ObjectID{})},
	{value.ClassBool, value.Bool(false)},
	{value.ClassDate, value.DateTimeMillis(math.MinInt64)},
	{value.ClassTimestamp, value.Timestamp(0, 0)},
	{value.ClassRegex, value.Regex("", "")},
	{value.ClassDBPointer, value.Of(bson.DBPointer{})},
	{value.ClassCode, value.Of(bson.JavaScript(""))},
	{value.ClassCodeWithScope, value.Of(bson.CodeWithScope{Scope: bson.D{}})},
	{value.ClassMaxKey, value.MaxKey},
}

// bracket returns the interval of all values of a class that comparisons look at: of numbers all but NaN.
func bracket(class value.Class) Interval {
	if class == value.ClassNumber {
		return Interval{Low: value.Double(math.Inf(-1)), High: value.Double(math.Inf(1))}
	}
	for i, entry := range lowest {
		if entry.class == class && i+1 < len(lowest) {
			return Interval{Low: entry.value, High: lowest[i+1].value, HighOpen: true}
		}
	}
	return point(value.MaxKey)
}

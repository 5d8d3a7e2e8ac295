package expr

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/value"
)

// ParseWindow is ParseAccumulation for $setWindowFields, which knows $covariancePop and $covarianceSamp beside.
func ParseWindow(v bson.RawValue, scope Scope) (*Accumulation, error) {
	w := walk(v.Value)
	if v.Type != bson.TypeEmbeddedDocument || !w.next() {
		return ParseAccumulation(v, scope)
	}
	op, arg := w.key(), w.value
	if op != "$covariancePop" && op != "$covarianceSamp" {
		return ParseAccumulation(v, scope)
	}
	if arg.Type != bson.TypeArray || count(arg) != 2 {
		return nil, invalid("%s takes an array of two expressions", op)
	}
	input, err := ParseWith(arg, scope)
	if err != nil {
		return nil, err
	}
	return &Accumulation{input, func(Vars) (state, error) { return &covarianceState{op: op}, nil }}, nil
}

// Input evaluates what the accumulation takes of a document, for AddValue. It may share memory with doc.
func (a *Accumulation) Input(doc bson.Raw, vars Vars) (bson.RawValue, error) {
	return a.input.Eval(doc, vars)
}

// AddValue takes a value of Input into account and returns how many bytes the fold has grown by.
func (f *Fold) AddValue(v bson.RawValue) (grown int, err error) { return f.state.add(v) }

// covarianceState is the covariance of pairs of numbers, of a population or of a sample; it ignores other pairs.
type covarianceState struct {
	op                string
	count             float64
	meanX, meanY, sum float64
}

func (s *covarianceState) add(v bson.RawValue) (int, error) {
	x, okX := value.Float64(elementAt(v, 0))
	y, okY := value.Float64(elementAt(v, 1))
	if !okX || !okY {
		return 0, nil
	}
	s.count++
	delta := x - s.meanX
	s.meanX += delta / s.count
	s.meanY += (y - s.meanY) / s.count
	s.sum += delta * (y - s.meanY)
	return 0, nil
}

func (s *covarianceState) result() (bson.RawValue, error) {
	n := s.count
	if s.op == "$covarianceSamp" {
		n--
	}
	if n <= 0 {
		return value.Null, nil
	}
	return value.Double(s.sum / n), nil
}

// CheckUnit refuses what is no unit of time.
func CheckUnit(op string, v bson.RawValue) (string, error) {
	unit, err := unitOf(op, v)
	if err != nil {
		return "", invalid("%s", yunduo.AsError(err).Message)
	}
	return unit, nil
}

// UnitMillis returns the milliseconds of a unit of constant length, weeks and days among them; 0 for others.
func UnitMillis(unit string) int64 {
	if days := dayUnits[unit]; days > 0 {
		return int64(days) * dayMillis
	}
	return fixedUnits[unit]
}

// MoveDate returns the date n units away from a date, in UTC.
func MoveDate(op string, date bson.RawValue, unit string, n int64) (bson.RawValue, error) {
	if date.Type != bson.TypeDateTime {
		return date, failed(op, "a date is needed, not %s", typeName(date))
	}
	return moveByUnit("$dateAdd", []bson.RawValue{date, value.String(unit), value.Int64Value(n), absent}, &zones{})
}

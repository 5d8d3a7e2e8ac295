package expr

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// sumState sums numbers and ignores everything else. Integers are summed in 128 bits and doubles with a running
// compensation, so that the order of the documents does not show in the result.
type sumState struct {
	low            uint64 // of the integers' sum
	high           int64
	double, lost   float64 // the doubles' sum and what it lost to rounding
	decimal        *apd.Decimal
	longs, doubles bool // whether there were any
}

func (s *sumState) add(v bson.RawValue) (int, error) {
	switch v.Type {
	case bson.TypeInt32:
		s.addInteger(int64(v.Int32()))
	case bson.TypeInt64:
		s.longs = true
		s.addInteger(v.Int64())
	case bson.TypeDouble:
		s.doubles = true
		s.addDouble(v.Double())
	case bson.TypeDecimal128:
		d, _ := value.Apd(v)
		if s.decimal == nil {
			s.decimal = new(apd.Decimal)
		}
		if _, err := value.DecimalContext().Add(s.decimal, s.decimal, d); err != nil {
			return 0, failed("$sum", "the sum is out of range")
		}
	}
	return 0, nil
}

func (s *sumState) addInteger(n int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(n), 0)
	s.high += n>>63 + int64(carry)
}

func (s *sumState) addDouble(x float64) {
	sum := s.double + x
	if math.Abs(s.double) >= math.Abs(x) {
		s.lost += s.double - sum + x
	} else {
		s.lost += x - sum + s.double
	}
	s.double = sum
}

// integers is the sum of the integers as a double, and as an int64 if it fits.
func (s *sumState) integers() (f float64, n int64, fits bool) {
	n = int64(s.low)
	if fits = s.high == n>>63; fits {
		return float64(n), n, true
	}
	return float64(s.high)*(1<<64) + float64(s.low), n, false
}

// float is the sum of everything but the decimals.
func (s *sumState) float() float64 {
	total := *s
	f, n, fits := s.integers()
	if fits && f < 1<<63 {
		total.addDouble(float64(n - int64(f))) // what the integer loses as a double
	}
	total.addDouble(f)
	if math.IsInf(total.double, 0) || math.IsNaN(total.double) {
		return total.double
	}
	return total.double + total.lost
}

func (s *sumState) result() (bson.RawValue, error) {
	_, n, fits := s.integers()
	switch {
	case s.decimal != nil:
		rest, _ := value.Apd(value.Double(s.float()))
		if !s.doubles && fits {
			rest = apd.New(n, 0)
		}
		total := new(apd.Decimal)
		if _, err := value.DecimalContext().Add(total, s.decimal, rest); err != nil {
			return value.Null, failed("$sum", "the sum is out of range")
		}
		return value.FromApd(total), nil
	case s.doubles || !fits:
		return value.Double(s.float()), nil
	case s.longs:
		return value.Int64Value(n), nil
	}
	return value.Int(n), nil
}

// averageState is the mean of the numbers; null without any.
type averageState struct {
	sum   sumState
	count int64
}

func (s *averageState) add(v bson.RawValue) (int, error) {
	if value.IsNumber(v) {
		s.count++
	}
	return s.sum.add(v)
}

func (s *averageState) result() (bson.RawValue, error) {
	if s.count == 0 {
		return value.Null, nil
	}
	if s.sum.decimal == nil {
		return value.Double(s.sum.float() / float64(s.count)), nil
	}
	sum, err := s.sum.result()
	if err != nil {
		return sum, err
	}
	mean, _ := value.Divide(sum, value.Int64Value(s.count))
	return tidy(mean), nil
}

// deviationState is the standard deviation of the numbers, of a population or of a sample, by Welford's method.
type deviationState struct {
	op         string
	count      float64
	mean, rest float64
}

func (s *deviationState) add(v bson.RawValue) (int, error) {
	x, ok := value.Float64(v)
	if !ok {
		return 0, nil
	}
	s.count++
	delta := x - s.mean
	s.mean += delta / s.count
	s.rest += delta * (x - s.mean)
	return 0, nil
}

func (s *deviationState) result() (bson.RawValue, error) {
	n := s.count
	if s.op == "$stdDevSamp" {
		n--
	}
	if n <= 0 {
		return value.Null, nil
	}
	return value.Double(math.Sqrt(s.rest / n)), nil
}

package expr

import (
	"math"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

const (
	hourMillis = 3_600_000
	dayMillis  = 24 * hourMillis
)

// fixedUnits are the units of constant length, in milliseconds.
var fixedUnits = map[string]int64{"hour": hourMillis, "minute": 60_000, "second": 1000, "millisecond": 1}

// monthUnits are the units that are a number of months.
var monthUnits = map[string]int{"year": 12, "quarter": 3, "month": 1}

// dayUnits are the units that are a number of days.
var dayUnits = map[string]int{"week": 7, "day": 1}

func unitOf(op string, v bson.RawValue) (string, error) {
	if v.Type == bson.TypeString {
		name := text(v)
		if fixedUnits[name] > 0 || monthUnits[name] > 0 || dayUnits[name] > 0 {
			return name, nil
		}
	}
	return "", failed(op, "%s is not a unit of time", describe(v))
}

// millis checks that a time can be stored as a date.
func millis(op string, t time.Time) (bson.RawValue, error) {
	if y := t.Year(); y < -290_000_000 || y > 290_000_000 {
		return bson.RawValue{}, failed(op, "the date is out of range")
	}
	return value.DateTime(t), nil
}

// moveByUnit is $dateAdd and $dateSubtract: years to days move the wall clock of the time zone, shorter units the time.
func moveByUnit(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error) {
	t, err := localTime(op, a[0], a[3], zones)
	if err != nil {
		return a[0], err
	}
	unit, err := unitOf(op, a[1])
	if err != nil {
		return a[1], err
	}
	n, ok := value.Int64(a[2])
	if !ok || n == math.MinInt64 {
		return a[2], failed(op, "amount must be a whole number, not %s", describe(a[2]))
	}
	if op == "$dateSubtract" {
		n = -n
	}
	if size, ok := fixedUnits[unit]; ok {
		ms, fits := value.Multiply(value.Int64Value(n), value.Int64Value(size))
		if !fits || ms.Type != bson.TypeInt64 {
			return a[2], failed(op, "amount is too large")
		}
		return moveDate(op, t.UnixMilli(), ms, 1)
	}
	if n > 3_000_000_000 || n < -3_000_000_000 {
		return a[2], failed(op, "amount is too large")
	}
	if days, ok := dayUnits[unit]; ok {
		return millis(op, t.AddDate(0, 0, int(n)*days))
	}
	year, month, day := t.Date()
	months := int(month) - 1 + int(n)*monthUnits[unit]
	year, month = year+floorDiv(months, 12), time.Month(months-floorDiv(months, 12)*12+1)
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return millis(op, time.Date(year, month, min(day, last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location()))
}

func floorDiv[N int | int64](a, b N) N {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// startOfWeek reads the first day of weeks, Sunday unless given.
func startOfWeek(op string, v bson.RawValue) (time.Weekday, error) {
	if isAbsent(v) {
		return time.Sunday, nil
	}
	if v.Type == bson.TypeString {
		name := strings.ToLower(text(v))
		for day := time.Sunday; day <= time.Saturday; day++ {
			if full := strings.ToLower(day.String()); name == full || name == full[:3] {
				return day, nil
			}
		}
	}
	return 0, failed(op, "startOfWeek must be the name of a weekday, not %s", describe(v))
}

// dayNumber counts the days from 1970-01-01 to the date that the wall clock of t shows.
func dayNumber(t time.Time) int64 {
	y, m, d := t.Date()
	return floorDiv(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).UnixMilli(), dayMillis)
}

// weekNumber counts weeks that begin on first; 1970-01-01 was a Thursday.
func weekNumber(day int64, first time.Weekday) int64 {
	return floorDiv(day+int64(time.Thursday-first), 7)
}

// dateDiff counts how many boundaries of the unit lie between two dates.
func dateDiff(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error) {
	start, err := localTime(op, a[0], a[3], zones)
	if err != nil {
		return a[0], err
	}
	end, err := localTime(op, a[1], a[3], zones)
	if err != nil {
		return a[1], err
	}
	unit, err := unitOf(op, a[2])
	if err != nil {
		return a[2], err
	}
	first, err := startOfWeek(op, a[4])
	if err != nil {
		return a[4], err
	}
	if months := monthUnits[unit]; months > 0 {
		index := func(t time.Time) int { return floorDiv(t.Year()*12+int(t.Month())-1, months) }
		return value.Int64Value(int64(index(end) - index(start))), nil
	}
	switch unit {
	case "week":
		return value.Int64Value(weekNumber(dayNumber(end), first) - weekNumber(dayNumber(start), first)), nil
	case "day":
		return value.Int64Value(dayNumber(end) - dayNumber(start)), nil
	}
	size := fixedUnits[unit]
	index := func(t time.Time) int64 {
		_, offset := t.Zone() // matters for hours in zones with half-hour offsets
		return floorDiv(t.UnixMilli()+int64(offset)*1000%size, size)
	}
	return value.Int64Value(index(end) - index(start)), nil
}

// dateTrunc returns the start of the bin that a date falls in. Bins are counted from 2000-01-01, those of weeks from
// the first week that starts in that year.
func dateTrunc(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error) {
	t, err := localTime(op, a[0], a[3], zones)
	if err != nil {
		return a[0], err
	}
	unit, err := unitOf(op, a[1])
	if err != nil {
		return a[1], err
	}
	first, err := startOfWeek(op, a[4])
	if err != nil {
		return a[4], err
	}
	size := int64(1)
	if !isAbsent(a[2]) {
		var ok bool
		if size, ok = value.Int64(a[2]); !ok || size < 1 || size > 100_000_000_000 {
			return a[2], failed(op, "binSize must be a positive whole number, not %s", describe(a[2]))
		}
	}
	const reference = 10957 // the day number of 2000-01-01
	if months := monthUnits[unit]; months > 0 {
		if size > 1_000_000 {
			return a[2], failed(op, "binSize is too large")
		}
		bin := months * int(size)
		start := floorDiv((t.Year()-2000)*12+int(t.Month())-1, bin) * bin
		return millis(op, time.Date(2000, time.Month(1+start), 1, 0, 0, 0, 0, t.Location()))
	}
	if days := int64(dayUnits[unit]); days > 0 {
		from := int64(reference)
		if unit == "week" {
			from += int64(first-time.Saturday+7) % 7 // 2000-01-01 was a Saturday
		}
		if size > 1_000_000_000 {
			return a[2], failed(op, "binSize is too large")
		}
		bin := days * size
		start := from + floorDiv(dayNumber(t)-from, bin)*bin
		return millis(op, time.Date(1970, 1, 1+int(start), 0, 0, 0, 0, t.Location()))
	}
	bin, fits := value.Multiply(value.Int64Value(size), value.Int64Value(fixedUnits[unit]))
	if !fits || bin.Type != bson.TypeInt64 {
		return a[2], failed(op, "binSize is too large")
	}
	_, offset := t.Zone()
	from := int64(reference)*dayMillis - int64(offset)*1000
	return value.DateTimeMillis(from + floorDiv(t.UnixMilli()-from, bin.Int64())*bin.Int64()), nil
}

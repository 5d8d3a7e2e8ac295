package expr

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones must not depend on the machine

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

func dateOperators() map[string]operator {
	long := func(n int) bson.RawValue { return value.Int64Value(int64(n)) }
	number := func(n int) bson.RawValue { return value.Int32(int32(n)) }
	table := map[string]operator{
		"$isoWeekYear":    datePart(func(t time.Time) bson.RawValue { y, _ := t.ISOWeek(); return long(y) }),
		"$dateToParts":    dateFunction(dateToParts, "date", "timezone?", "iso8601?"),
		"$dateFromParts":  compileDateFromParts,
		"$dateToString":   compileDateToString,
		"$dateFromString": compileDateFromString,
		"$dateAdd":        dateFunction(moveByUnit, "startDate", "unit", "amount", "timezone?"),
		"$dateSubtract":   dateFunction(moveByUnit, "startDate", "unit", "amount", "timezone?"),
		"$dateDiff":       dateFunction(dateDiff, "startDate", "endDate", "unit", "timezone?", "startOfWeek?"),
		"$tsSecond":       positional(1, 1, timestampPart),
		"$tsIncrement":    positional(1, 1, timestampPart),
		"$dateTrunc":      dateFunction(dateTrunc, "date", "unit", "binSize?", "timezone?", "startOfWeek?"),
	}
	for name, part := range map[string]func(t time.Time) int{
		"$year":         time.Time.Year,
		"$month":        func(t time.Time) int { return int(t.Month()) },
		"$dayOfMonth":   time.Time.Day,
		"$dayOfYear":    time.Time.YearDay,
		"$dayOfWeek":    func(t time.Time) int { return int(t.Weekday()) + 1 },
		"$isoDayOfWeek": isoWeekday,
		"$isoWeek":      func(t time.Time) int { _, w := t.ISOWeek(); return w },
		"$week":         weekOfYear,
		"$hour":         time.Time.Hour,
		"$minute":       time.Time.Minute,
		"$second":       time.Time.Second,
		"$millisecond":  func(t time.Time) int { return t.Nanosecond() / 1e6 },
	} {
		table[name] = datePart(func(t time.Time) bson.RawValue { return number(part(t)) })
	}
	return table
}

// timestampPart is $tsSecond or $tsIncrement.
func timestampPart(op string, a []bson.RawValue) (bson.RawValue, error) {
	if nullish(a[0]) {
		return value.Null, nil
	}
	seconds, increment, ok := a[0].TimestampOK()
	if !ok {
		return a[0], failed(op, "the argument must be a timestamp, not %s", typeName(a[0]))
	}
	if op == "$tsSecond" {
		return value.Int64Value(int64(seconds)), nil
	}
	return value.Int64Value(int64(increment)), nil
}

func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// weekOfYear counts weeks from the year's first Sunday; the days before are week 0.
func weekOfYear(t time.Time) int { return (t.YearDay() + 6 - int(t.Weekday())) / 7 }

// instant returns the time that a date, timestamp or object ID stands for, in UTC.
func instant(v bson.RawValue) (time.Time, bool) {
	switch v.Type {
	case bson.TypeDateTime:
		return time.UnixMilli(v.DateTime()).UTC(), true
	case bson.TypeTimestamp:
		seconds, _ := v.Timestamp()
		return time.Unix(int64(seconds), 0).UTC(), true
	case bson.TypeObjectID:
		return v.ObjectID().Timestamp().UTC(), true
	}
	return time.Time{}, false
}

// datePart is an operator that reads one number off a date, written as {$op: date} or {$op: {date, timezone}}.
func datePart(part func(t time.Time) bson.RawValue) operator {
	return func(c *compiler, op string, arg bson.RawValue) (node, error) {
		var items []node
		var err error
		if arg.Type == bson.TypeEmbeddedDocument && !isOperator(arg) {
			items, err = c.parameters(op, arg, "date", "timezone?")
		} else if items, err = c.arguments(op, arg, 1, 1); err == nil {
			items = append(items, literal(absent))
		}
		if err != nil {
			return node{}, err
		}
		zones := newZones(items[1])
		return call(op, items, func(op string, a []bson.RawValue) (bson.RawValue, error) {
			if nullish(a...) {
				return value.Null, nil
			}
			t, err := localTime(op, a[0], a[1], zones)
			if err != nil {
				return a[0], err
			}
			return part(t), nil
		}), nil
	}
}

// localTime is the date v in the time zone that zone names.
func localTime(op string, v, zone bson.RawValue, zones *zones) (time.Time, error) {
	t, ok := instant(v)
	if !ok {
		return t, failed(op, "%s is not a date", typeName(v))
	}
	location, err := zones.find(op, zone)
	if err != nil {
		return t, err
	}
	return t.In(location), nil
}

// zones finds time zones by name. One that is constant in the expression is looked up once.
type zones struct {
	name     string
	location *time.Location
}

func newZones(n node) *zones {
	z := &zones{}
	if !n.constant {
		return z
	}
	if v, err := n.eval(&frame{}); err == nil && v.Type == bson.TypeString {
		if location, err := findZone("", text(v)); err == nil {
			z.name, z.location = text(v), location
		}
	}
	return z
}

func (z *zones) find(op string, v bson.RawValue) (*time.Location, error) {
	if isAbsent(v) {
		return time.UTC, nil
	}
	if v.Type != bson.TypeString {
		return nil, failedAs(zoneTypeCode, op, "timezone must be a string, not %s", typeName(v))
	}
	if z.location != nil && z.name == text(v) {
		return z.location, nil
	}
	return findZone(op, text(v))
}

// findZone finds an Olson name such as Asia/Shanghai, or an offset: +08, +0800, +08:00.
func findZone(op, name string) (*time.Location, error) {
	switch name {
	case "UTC", "GMT", "Z":
		return time.UTC, nil
	case "", "Local":
		return nil, failedAs(unknownZoneCode, op, "there is no time zone %q", name)
	}
	if name[0] == '+' || name[0] == '-' {
		for _, layout := range []string{"-07:00", "-0700", "-07"} {
			if t, err := time.Parse(layout, name); err == nil {
				_, offset := t.Zone()
				return time.FixedZone("", offset), nil
			}
		}
		return nil, failedAs(unknownZoneCode, op, "%q is not an offset of the form +08:00", name)
	}
	location, err := time.LoadLocation(name)
	if err != nil || strings.ContainsAny(name, "\\") {
		return nil, failedAs(unknownZoneCode, op, "there is no time zone %q", name)
	}
	return location, nil
}

// dateFunction is an operator with named arguments, one of them timezone. It is null if any argument is.
func dateFunction(fn func(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error), names ...string) operator {
	return func(c *compiler, op string, arg bson.RawValue) (node, error) {
		items, err := c.parameters(op, arg, names...)
		if err != nil {
			return node{}, err
		}
		unitAt := slices.Index(names, "unit")
		z := &zones{}
		for i, name := range names {
			if name == "timezone?" {
				z = newZones(items[i])
			}
		}
		return call(op, items, func(op string, a []bson.RawValue) (bson.RawValue, error) {
			if last := len(a) - 1; names[last] == "startOfWeek?" {
				if unit, ok := value.Text(a[unitAt]); ok && string(unit) != "week" {
					a[last] = absent // other units do not care
				}
			}
			if nullish(a...) {
				return value.Null, nil
			}
			return fn(op, a, z)
		}), nil
	}
}

func dateToParts(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error) {
	t, err := localTime(op, a[0], a[1], zones)
	if err != nil {
		return a[0], err
	}
	iso := false
	if !isAbsent(a[2]) {
		if a[2].Type != bson.TypeBoolean {
			return a[2], failed(op, "iso8601 must be a bool, not %s", typeName(a[2]))
		}
		iso = a[2].Boolean()
	}
	b := value.BeginDocument(nil)
	number := func(name string, n int) { b = value.Append(b, name, value.Int32(int32(n))) }
	if iso {
		year, week := t.ISOWeek()
		number("isoWeekYear", year)
		number("isoWeek", week)
		number("isoDayOfWeek", isoWeekday(t))
	} else {
		number("year", t.Year())
		number("month", int(t.Month()))
		number("day", t.Day())
	}
	number("hour", t.Hour())
	number("minute", t.Minute())
	number("second", t.Second())
	number("millisecond", t.Nanosecond()/1e6)
	return value.Document(value.EndDocument(b, 0)), nil
}

var (
	calendarParts = []string{"year", "month?", "day?", "hour?", "minute?", "second?", "millisecond?", "timezone?"}
	isoParts      = []string{"isoWeekYear", "isoWeek?", "isoDayOfWeek?", "hour?", "minute?", "second?", "millisecond?", "timezone?"}
)

func compileDateFromParts(c *compiler, op string, arg bson.RawValue) (node, error) {
	names := calendarParts
	if arg.Type == bson.TypeEmbeddedDocument && field(arg.Value, "isoWeekYear").Type != 0 {
		names = isoParts
	}
	return dateFunction(func(op string, a []bson.RawValue, zones *zones) (bson.RawValue, error) {
		parts := [7]int{1: 1, 2: 1}
		for i, v := range a[:7] {
			if isAbsent(v) {
				continue
			}
			n, ok := integer(v)
			if !ok || (i > 0 && (n < -32768 || n > 32767) && i < 6) {
				return v, failed(op, "%s must be a whole number within range, not %s", strings.TrimSuffix(names[i], "?"), describe(v))
			}
			parts[i] = n
		}
		if parts[0] < 1 || parts[0] > 9999 {
			return a[0], failed(op, "%s must be from 1 to 9999, not %d", names[0], parts[0])
		}
		location, err := zones.find(op, a[7])
		if err != nil {
			return a[7], err
		}
		year, month, day := parts[0], time.Month(parts[1]), parts[2]
		if names[0] == "isoWeekYear" {
			year, month, day = isoDate(parts[0], parts[1], parts[2])
		}
		t := time.Date(year, month, day, parts[3], parts[4], parts[5], 0, location)
		return value.DateTime(t.Add(time.Duration(parts[6]) * time.Millisecond)), nil
	}, names...)(c, op, arg)
}

// isoDate returns the calendar date of an ISO week date; week 1 is the one with 4 January.
func isoDate(year, week, day int) (int, time.Month, int) {
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
	return year, 1, 4 - isoWeekday(fourth) + (week-1)*7 + day
}

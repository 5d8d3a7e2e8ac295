package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// specifiers are the letters that may follow % in a date format, and whether a format for reading may have them.
var specifiers = map[byte]bool{
	'd': true, 'G': true, 'H': true, 'j': true, 'L': true, 'm': true, 'M': true, 'S': true, 'u': true, 'V': true,
	'Y': true, 'z': true, 'Z': true, 'b': true, 'B': true, '%': true, 'U': false, 'w': false,
}

// checkFormat refuses a date format with letters that do not exist.
func checkFormat(op, format string, reading bool) error {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if i++; i == len(format) {
			return failed(op, "the format ends in a single %%")
		}
		if readable, ok := specifiers[format[i]]; !ok || reading && !readable {
			return failed(op, "the format has the unknown specifier %%%c", format[i])
		}
	}
	return nil
}

// compileDateToString compiles {$dateToString: {date, format, timezone, onNull}}.
func compileDateToString(c *compiler, op string, arg bson.RawValue) (node, error) {
	items, err := c.parameters(op, arg, "date", "format?", "timezone?", "onNull?")
	if err != nil {
		return node{}, err
	}
	if format := items[1]; format.constant {
		if v, err := format.eval(&frame{}); err == nil && v.Type == bson.TypeString {
			if err := checkFormat(op, text(v), false); err != nil {
				return node{}, invalid("%s: %q is not a date format", op, text(v))
			}
		}
	}
	zones := newZones(items[2])
	onNull := items[3]
	body := call(op, items[:3], func(op string, a []bson.RawValue) (bson.RawValue, error) {
		if nullish(a...) {
			return value.Null, nil
		}
		t, err := localTime(op, a[0], a[2], zones)
		if err != nil {
			return a[0], err
		}
		format := "%Y-%m-%dT%H:%M:%S.%L"
		switch {
		case !isAbsent(a[1]) && a[1].Type != bson.TypeString:
			return a[1], failed(op, "format must be a string, not %s", typeName(a[1]))
		case !isAbsent(a[1]):
			format = text(a[1])
		case t.Location() == time.UTC:
			format += "Z"
		}
		s, err := formatDate(op, t, format)
		return value.String(s), err
	})
	return node{eval: func(f *frame) (bson.RawValue, error) {
		v, err := items[0].eval(f)
		if err != nil {
			return v, err
		}
		if value.Nullish(v) {
			if v, err = onNull.eval(f); isAbsent(v) {
				v = value.Null
			}
			return v, err
		}
		return body.eval(f)
	}}, nil
}

// formatDate writes t in a format of % specifiers.
func formatDate(op string, t time.Time, format string) (string, error) {
	if y := t.Year(); y < 0 || y > 9999 {
		return "", failed(op, "the year %d cannot be written; it must be from 0 to 9999", y)
	}
	if err := checkFormat(op, format, false); err != nil {
		return "", err
	}
	b := make([]byte, 0, len(format)+16)
	pad := func(n, width int) { b = fmt.Appendf(b, "%0*d", width, n) }
	isoYear, isoWeek := t.ISOWeek()
	_, offset := t.Zone()
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b = append(b, format[i])
			continue
		}
		i++
		switch format[i] {
		case '%':
			b = append(b, '%')
		case 'Y':
			pad(t.Year(), 4)
		case 'm':
			pad(int(t.Month()), 2)
		case 'd':
			pad(t.Day(), 2)
		case 'H':
			pad(t.Hour(), 2)
		case 'M':
			pad(t.Minute(), 2)
		case 'S':
			pad(t.Second(), 2)
		case 'L':
			pad(t.Nanosecond()/1e6, 3)
		case 'j':
			pad(t.YearDay(), 3)
		case 'w':
			pad(int(t.Weekday())+1, 1)
		case 'u':
			pad(isoWeekday(t), 1)
		case 'U':
			pad(weekOfYear(t), 2)
		case 'V':
			pad(isoWeek, 2)
		case 'G':
			pad(isoYear, 4)
		case 'b':
			b = append(b, t.Month().String()[:3]...)
		case 'B':
			b = append(b, t.Month().String()...)
		case 'z':
			b = t.AppendFormat(b, "-0700")
		case 'Z':
			b = strconv.AppendInt(b, int64(offset/60), 10)
		}
	}
	return string(b), nil
}

// scanner reads a date in a format of % specifiers.
type scanner struct {
	rest string
	ok   bool
}

// number reads at most width digits within [least, most].
func (s *scanner) number(width, least, most int) int {
	n, digits := 0, 0
	for digits < width && digits < len(s.rest) && s.rest[digits] >= '0' && s.rest[digits] <= '9' {
		n = n*10 + int(s.rest[digits]-'0')
		digits++
	}
	s.rest = s.rest[digits:]
	s.ok = s.ok && digits > 0 && n >= least && n <= most
	return n
}

// month reads the name of a month, or its first three letters.
func (s *scanner) month(short bool) int {
	for m := time.January; m <= time.December; m++ {
		name := m.String()
		if short {
			name = name[:3]
		}
		if len(s.rest) >= len(name) && strings.EqualFold(s.rest[:len(name)], name) {
			s.rest = s.rest[len(name):]
			return int(m)
		}
	}
	s.ok = false
	return 1
}

// offset reads +0800, +08:00, +08 or Z, in seconds.
func (s *scanner) offset() int {
	if rest, ok := strings.CutPrefix(s.rest, "Z"); ok {
		s.rest = rest
		return 0
	}
	sign := 1
	switch {
	case strings.HasPrefix(s.rest, "-"):
		sign = -1
	case !strings.HasPrefix(s.rest, "+"):
		s.ok = false
		return 0
	}
	s.rest = s.rest[1:]
	seconds := s.number(2, 0, 23) * 3600
	s.rest = strings.TrimPrefix(s.rest, ":")
	if s.rest != "" && s.rest[0] >= '0' && s.rest[0] <= '9' {
		seconds += s.number(2, 0, 59) * 60
	}
	return sign * seconds
}

// parseFormat reads text in a format. zoned tells whether the text has its own time zone; without one, the date is
// that of the wall clock in location.
func parseFormat(op, s, format string, location *time.Location) (t time.Time, zoned bool, err error) {
	if err := checkFormat(op, format, true); err != nil {
		return t, false, err
	}
	in := scanner{s, true}
	year, month, day, hour, minute, second, ms := 1970, 1, 1, 0, 0, 0, 0
	yearDay, isoYear, isoWeek, isoDay := 0, 0, 1, 1
	iso, natural := strings.Contains(format, "%V") || strings.Contains(format, "%u"), false
	for i := 0; i < len(format) && in.ok; i++ {
		if format[i] != '%' {
			in.ok = in.rest != "" && in.rest[0] == format[i]
			if in.ok {
				in.rest = in.rest[1:]
			}
			continue
		}
		i++
		natural = natural || strings.IndexByte("YmbBdj", format[i]) >= 0
		switch format[i] {
		case '%':
			in.ok = strings.HasPrefix(in.rest, "%")
			in.rest = strings.TrimPrefix(in.rest, "%")
		case 'Y':
			year = in.number(4, 0, 9999)
		case 'm':
			month = in.number(2, 1, 12)
		case 'b', 'B':
			month = in.month(format[i] == 'b')
		case 'd':
			day = in.number(2, 1, 31)
		case 'j':
			yearDay = in.number(3, 1, 366)
		case 'H':
			hour = in.number(2, 0, 24)
		case 'M':
			minute = in.number(2, 0, 59)
		case 'S':
			second = in.number(2, 0, 60)
		case 'L':
			before := len(in.rest)
			ms = in.number(3, 0, 999)
			for digits := before - len(in.rest); digits < 3; digits++ {
				ms *= 10 // a fraction of a second: .5 is 500 ms
			}
		case 'G':
			isoYear = in.number(4, 1, 9999)
		case 'V':
			isoWeek = in.number(2, 1, 53)
		case 'u':
			isoDay = in.number(1, 1, 7)
		case 'z':
			location, zoned = time.FixedZone("", in.offset()), true
		case 'Z':
			sign := 1
			if strings.HasPrefix(in.rest, "-") {
				sign = -1
			}
			in.rest = strings.TrimLeft(in.rest, "+-")
			location, zoned = time.FixedZone("", sign*60*in.number(4, 0, 1439)), true
		}
	}
	if !in.ok || in.rest != "" {
		return t, false, failed(op, "%q is not a date in the format %q", s, format)
	}
	if natural && (iso || isoYear > 0) || iso && isoYear == 0 {
		return t, false, failed(op, "the format %q mixes parts of ISO weeks with others, or has no ISO year", format)
	}
	switch {
	case isoYear > 0:
		y, m, d := isoDate(isoYear, isoWeek, isoDay)
		year, month, day = y, int(m), d
	case yearDay > 0:
		month, day = 1, yearDay
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, ms*1e6, location)
	return t, zoned, nil
}

package expr

import (
	"regexp"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// compileDateFromString compiles {$dateFromString: {dateString, format, timezone, onError, onNull}}.
func compileDateFromString(c *compiler, op string, arg bson.RawValue) (node, error) {
	items, err := c.parameters(op, arg, "dateString", "format?", "timezone?", "onError?", "onNull?")
	if err != nil {
		return node{}, err
	}
	zones, onError, onNull := newZones(items[2]), items[3], items[4]
	return node{eval: func(f *frame) (bson.RawValue, error) {
		var a [3]bson.RawValue
		for i, item := range items[:3] {
			v, err := item.eval(f)
			if err != nil {
				return v, err
			}
			a[i] = v
		}
		if value.Nullish(a[0]) {
			v, err := onNull.eval(f)
			if isAbsent(v) {
				v = value.Null
			}
			return v, err
		}
		if nullish(a[1:]...) {
			return value.Null, nil
		}
		location, err := zones.find(op, a[2])
		if err != nil {
			return a[2], err
		}
		t, err := readDate(op, a, location)
		if err != nil {
			if otherwise, failure := onError.eval(f); failure != nil || !isAbsent(otherwise) {
				return otherwise, failure
			}
			return a[0], err
		}
		return value.DateTime(t), nil
	}}, nil
}

// readDate reads the text a[0] in the format a[1], if there is one, in a time zone that is given if a[2] is.
func readDate(op string, a [3]bson.RawValue, location *time.Location) (time.Time, error) {
	if a[0].Type != bson.TypeString {
		return time.Time{}, failed(op, "dateString must be a string, not %s", typeName(a[0]))
	}
	zone := location
	if isAbsent(a[2]) {
		zone = nil
	}
	if isAbsent(a[1]) {
		return parseDate(op, text(a[0]), zone)
	}
	if a[1].Type != bson.TypeString {
		return time.Time{}, failed(op, "format must be a string, not %s", typeName(a[1]))
	}
	t, zoned, err := parseFormat(op, text(a[0]), text(a[1]), location)
	if err == nil && zoned && zone != nil {
		return t, failed(op, "%q has a time zone, so that timezone must not be given", text(a[0]))
	}
	return t, err
}

// dateText splits a date into day, time, AM or PM, and zone.
var dateText = regexp.MustCompile(`^(.+?)(?:(?:[Tt]|\s+)(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)(?:\s*([AaPp][Mm]))?(?:\s*(Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?|(Z))?$`)

var dayLayouts = []string{
	"2006-1-2", "2006/1/2", "20060102", "1/2/2006", "2.1.2006", "January 2, 2006", "January 2 2006", "Jan 2, 2006",
	"Jan 2 2006", "2 January 2006", "2 Jan 2006", "2-Jan-2006", "Mon, 2 Jan 2006", "Mon Jan 2 2006", "2006-1", "2006-002",
}

// parseDate reads a date as people and programs usually write it. A non-nil location is the time zone of a text that
// must not have its own; without either it is UTC.
func parseDate(op, s string, location *time.Location) (time.Time, error) {
	unreadable := failed(op, "%s is not a date that can be read", describe(value.String(s)))
	part := dateText.FindStringSubmatch(strings.TrimSpace(s))
	if part == nil || len(s) > 100 {
		return time.Time{}, unreadable
	}
	day, clock, half, zone := part[1], part[2], part[3], part[4]+part[5]
	zoneOf := time.UTC
	switch {
	case zone != "" && location != nil:
		return time.Time{}, failed(op, "%s has a time zone, so that timezone must not be given", describe(value.String(s)))
	case location != nil:
		zoneOf = location
	case zone != "":
		var err error
		if zoneOf, err = findZone(op, strings.ToUpper(zone)); err != nil {
			return time.Time{}, err
		}
	}
	var hour time.Time
	if clock != "" {
		var err error
		layout := "15:04"
		if strings.Count(clock, ":") == 2 {
			layout += ":05"
		}
		if half != "" {
			layout = strings.Replace(layout, "15", "3", 1) + "PM"
		}
		if hour, err = time.Parse(layout, clock+strings.ToUpper(half)); err != nil {
			return time.Time{}, unreadable
		}
	}
	for _, layout := range dayLayouts {
		if d, err := time.Parse(layout, day); err == nil {
			return time.Date(d.Year(), d.Month(), d.Day(), hour.Hour(), hour.Minute(), hour.Second(), hour.Nanosecond(), zoneOf), nil
		}
	}
	return time.Time{}, unreadable
}

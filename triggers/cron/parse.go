package cron

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"yunduo"
)

// fields are the fields of a line, in its order; the year is not among them.
var fields = []struct {
	name   string
	option cron.ParseOption
	bits   func(*cron.SpecSchedule) *uint64
}{
	{"second", cron.Second, func(s *cron.SpecSchedule) *uint64 { return &s.Second }},
	{"minute", cron.Minute, func(s *cron.SpecSchedule) *uint64 { return &s.Minute }},
	{"hour", cron.Hour, func(s *cron.SpecSchedule) *uint64 { return &s.Hour }},
	{"day", cron.Dom, func(s *cron.SpecSchedule) *uint64 { return &s.Dom }},
	{"month", cron.Month, func(s *cron.SpecSchedule) *uint64 { return &s.Month }},
	{"week", cron.Dow, func(s *cron.SpecSchedule) *uint64 { return &s.Dow }},
}

// Places of fields that need preparation.
const (
	fieldDay  = 3
	fieldWeek = 5
)

// item is one part of a list in a field. What it lets pass is checked by the library's parser; it keeps out what that
// parser reads in a way of its own, such as "*-5".
var item = regexp.MustCompile(`^(\*|\?|[0-9]{1,4}(-[0-9]{1,4})?|[A-Za-z]{3}(-[A-Za-z]{3})?)(/[0-9]{1,4})?$`)

func (s *Schedule) parse(texts []string) error {
	s.spec.Location = time.UTC
	for i, field := range fields {
		text, err := s.prepare(i, texts[i])
		if err != nil {
			return err
		}
		parsed, err := cron.NewParser(field.option).Parse(text)
		if err != nil {
			return refuse(field.name, texts[i], "%v", err)
		}
		*field.bits(&s.spec) = *field.bits(parsed.(*cron.SpecSchedule))
	}
	const hours = 1<<24 - 1
	s.steady = s.spec.Hour&hours == hours
	s.days = s.spec.Dom
	if s.lastDay {
		s.spec.Dom |= 1<<28 | 1<<29 | 1<<30 | 1<<31
	}
	var err error
	s.years, err = parseYears(texts[len(fields)])
	return err
}

// prepare checks the items of a field and rewrites those that the library's parser does not know.
func (s *Schedule) prepare(i int, text string) (string, error) {
	name := fields[i].name
	var items []string
	for each := range strings.SplitSeq(text, ",") {
		if i == fieldDay && strings.EqualFold(each, "L") {
			s.lastDay = true
			continue
		}
		if !item.MatchString(each) {
			return "", refuse(name, text, "%q is not a number, a name, a range, a step or *", clip(each))
		}
		if i == fieldWeek {
			week, err := weekItem(each)
			if err != nil {
				return "", refuse(name, text, "%v", err)
			}
			items = append(items, week...)
			continue
		}
		items = append(items, each)
	}
	if len(items) == 0 { // only L
		items = []string{"31"}
	}
	return strings.Join(items, ","), nil
}

var weekdays = map[string]int{"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}

// weekItem rewrites an item of the week field so that the library's parser, which knows 0 to 6 and no range over the
// end of the week, takes it.
func weekItem(text string) ([]string, error) {
	days, step, stepped := strings.Cut(text, "/")
	from, to, ranged := strings.Cut(days, "-")
	if from == "*" || from == "?" {
		return []string{text}, nil
	}
	first, err := weekday(from)
	if err != nil {
		return nil, err
	}
	last := first
	switch {
	case ranged:
		if last, err = weekday(to); err != nil {
			return nil, err
		}
		if last < first {
			last += 7
		}
	case stepped:
		last = max(6, first)
	}
	stride := 1
	if stepped {
		if stride, err = strconv.Atoi(step); err != nil || stride == 0 {
			return nil, fmt.Errorf("the step %q is not a positive number", step)
		}
	}
	var items []string
	for day := first; day <= last; day += stride {
		items = append(items, strconv.Itoa(day%7))
	}
	return items, nil
}

// weekday returns the number of a day of the week, 7 for a Sunday that is written so.
func weekday(text string) (int, error) {
	if day, ok := weekdays[strings.ToUpper(text)]; ok {
		return day, nil
	}
	day, err := strconv.Atoi(text)
	if err != nil || day > 7 {
		return 0, fmt.Errorf("%q is no day of the week; there are SUN to SAT and 0 to 7", clip(text))
	}
	return day, nil
}

func refuse(field, text, format string, args ...any) error {
	return yunduo.Errorf(yunduo.ReasonInvalidSchedule, "the %s field %q is not valid: "+format, append([]any{field, clip(text)}, args...)...)
}

// Package cron reads the cron lines of timer triggers and computes when they are due.
//
// A line has seven fields, second minute hour day month week year, as the vendor's timers have. Six fields (no year)
// and five fields (no second and no year, as in crontab) are accepted with a warning, because projects with such lines
// are deployed. Each field is a list of items between commas: "*", "?" (the same), a number or name, a range 1-5, with
// a step */2, 0/5 (from 0 to the end) or 10-20/3. Months may be JAN to DEC; days of the week are SUN to SAT or 0 to 7,
// where 0 and 7 are Sunday, and their ranges may go over the end of the week. A day of the month may be L, the last
// one. When both the day of the month and the day of the week are restricted, a day counts if either one matches.
package cron

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"yunduo"
)

// DefaultZone is the time zone of lines that name none: that of the vendor's timers.
const DefaultZone = "Asia/Shanghai"

// Schedule is a parsed line in a time zone. It is immutable and safe for concurrent use.
type Schedule struct {
	line    string
	warning string
	zone    *time.Location

	spec  cron.SpecSchedule // in UTC
	years years
	// lastDay adds the last day of the month. The spec then also lets the days 28 to 31 pass, days has the wanted ones.
	lastDay bool
	days    uint64
	// steady lines run in every hour: they follow the real time through a change of the clocks.
	steady bool
}

// Parse reads a line for a time zone: an IANA name such as Europe/Berlin, or empty for DefaultZone. It returns an
// invalid_schedule error that names the field at fault.
func Parse(line, zone string) (*Schedule, error) {
	if zone == "" {
		zone = DefaultZone
	}
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidSchedule, "timeZone: there is no time zone %q; give a name such as %s or UTC", clip(zone), DefaultZone)
	}
	if len(line) > maxLine {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidSchedule, "the cron line has %d characters; at most %d are allowed", len(line), maxLine)
	}
	fields := strings.Fields(line)
	s := &Schedule{zone: location, line: strings.Join(fields, " ")}
	switch len(fields) {
	case 7:
	case 6:
		fields = append(fields, "*")
		s.warning = fmt.Sprintf("the cron line %q has six fields; they are read as second minute hour day month week", clip(s.line))
	case 5:
		fields = append(append([]string{"0"}, fields...), "*")
		s.warning = fmt.Sprintf("the cron line %q has five fields; they are read as minute hour day month week", clip(s.line))
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidSchedule, "the cron line %q has %d fields; it needs seven: second minute hour day month week year", clip(s.line), len(fields))
	}
	return s, s.parse(fields)
}

const maxLine = 500

// Warning says what is unusual about the line; empty if nothing is.
func (s *Schedule) Warning() string { return s.warning }

// String returns the line with single spaces between its fields.
func (s *Schedule) String() string { return s.line }

// Zone returns the name of the time zone.
func (s *Schedule) Zone() string { return s.zone.String() }

func clip(text string) string {
	if len(text) <= 100 {
		return text
	}
	return strings.ToValidUTF8(text[:100], "") + "…"
}

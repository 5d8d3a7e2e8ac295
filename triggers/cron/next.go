package cron

import "time"

// starBit marks a field of the spec that is not restricted.
const starBit = 1 << 63

// searchYears is how far the search for a line without years goes: the calendar repeats within it.
const searchYears = 40

// Next returns the first time after t at which the schedule is due, in its time zone; the zero time if there is none.
//
// A line that runs in every hour follows the real time when clocks change: every five minutes stays every five
// minutes. A line for certain hours is due once for each time that the clock shows: not twice in an hour that comes
// twice, and at the end of the gap if the clocks pass over its time.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.In(s.zone)
	if s.steady {
		return s.nextSteady(t)
	}
	for wall := wallClock(t); ; {
		wall = s.nextWall(wall)
		if wall.IsZero() {
			return wall
		}
		if due := s.instant(wall); due.After(t) {
			return due
		}
	}
}

// nextSteady looks from one change of the clocks to the next. Between two of them, wall clock and real time run alike.
func (s *Schedule) nextSteady(t time.Time) time.Time {
	for {
		wall := s.nextWall(wallClock(t))
		if wall.IsZero() {
			return wall
		}
		_, offset := t.Zone()
		due := time.Unix(wall.Unix()-int64(offset), 0).In(s.zone)
		_, change := t.ZoneBounds()
		switch {
		case change.IsZero() || due.Before(change):
			return due
		case s.dueAt(change):
			return change
		}
		t = change
	}
}

// dueAt reports whether the schedule is due at a moment.
func (s *Schedule) dueAt(t time.Time) bool {
	wall := wallClock(t)
	return s.nextWall(wall.Add(-time.Second)).Equal(wall)
}

// nextWall returns the first wall-clock time after wall, both written as UTC, that the fields match; the zero time if
// there is none.
func (s *Schedule) nextWall(wall time.Time) time.Time {
	limit := wall.Year() + searchYears
	if s.years != nil {
		limit = lastYear
	}
	for {
		year, ok := s.years.from(wall.Year())
		if !ok || year > limit {
			return time.Time{}
		}
		if year > wall.Year() {
			wall = endOf(year-1, time.December, 31)
		}
		next := s.spec.Next(wall)
		switch {
		case next.IsZero(): // the library gives up after five years, but a 29 February may be eight away
			wall = endOf(wall.Year()+4, time.December, 31)
		case s.years != nil && !s.years[next.Year()]:
			wall = endOf(next.Year(), time.December, 31)
		case s.lastDay && !s.dayMatches(next):
			wall = endOf(next.Date())
		default:
			return next
		}
	}
}

// endOf returns the last second of a day.
func endOf(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 23, 59, 59, 0, time.UTC)
}

// dayMatches decides about a day when L is among the days of the month.
func (s *Schedule) dayMatches(t time.Time) bool {
	byDay := s.days&(1<<t.Day()) != 0 || t.AddDate(0, 0, 1).Day() == 1
	byWeek := s.spec.Dow&(1<<t.Weekday()) != 0
	if s.spec.Dow&starBit != 0 {
		return byDay
	}
	return byDay || byWeek
}

// wallClock returns what the clock on the wall shows at t, written as UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return time.Unix(t.Unix()+int64(offset), int64(t.Nanosecond())).UTC()
}

// instant returns the moment at which the wall clock shows wall: the first one if it does so twice, and the end of the
// gap if it never does.
func (s *Schedule) instant(wall time.Time) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
	start, end := t.ZoneBounds()
	shown := wallClock(t)
	switch {
	case shown.After(wall):
		return start
	case shown.Before(wall):
		return end
	case start.IsZero():
		return t
	}
	_, before := start.Add(-time.Nanosecond).Zone()
	if earlier := time.Unix(wall.Unix()-int64(before), 0).In(s.zone); earlier.Before(start) {
		return earlier
	}
	return t
}

package cron

import (
	"strconv"
	"strings"
)

// The years that a line may name, as the vendor defines them.
const (
	firstYear = 1970
	lastYear  = 2099
)

// years is the set of years of a line; nil is every year.
type years map[int]bool

func parseYears(text string) (years, error) {
	set := years{}
	for each := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(each, "/")
		from, to, ranged := strings.Cut(span, "-")
		first, last, stride := firstYear, lastYear, 1
		var err error
		if !item.MatchString(each) {
			return nil, refuse("year", text, "%q is not a year, a range, a step or *", clip(each))
		}
		if from != "*" && from != "?" {
			if first, err = strconv.Atoi(from); err != nil {
				return nil, refuse("year", text, "%q is no year", clip(from))
			}
			if !stepped {
				last = first
			}
		}
		if ranged {
			if last, err = strconv.Atoi(to); err != nil {
				return nil, refuse("year", text, "%q is no year", clip(to))
			}
		}
		if stepped {
			if stride, err = strconv.Atoi(step); err != nil || stride == 0 {
				return nil, refuse("year", text, "the step %q is not a positive number", step)
			}
		}
		if first < firstYear || last > lastYear || first > last {
			return nil, refuse("year", text, "years go from %d to %d", firstYear, lastYear)
		}
		for year := first; year <= last; year += stride {
			set[year] = true
		}
	}
	if len(set) == lastYear-firstYear+1 {
		return nil, nil // a line with "*" does not end in 2099
	}
	return set, nil
}

// from returns the first year of the set that is not before year; false if there is none.
func (y years) from(year int) (int, bool) {
	if y == nil {
		return year, true
	}
	for ; year <= lastYear; year++ {
		if y[max(year, firstYear)] {
			return max(year, firstYear), true
		}
	}
	return 0, false
}

package functions

import "time"

// AsyncAtOnce is how many accepted invocations run at the same time.
const AsyncAtOnce = asyncAtOnce

// StoreFigures stores the minutes before a number, as happens at the end of each.
func (s *Service) StoreFigures(before int64) { s.storeFigures(before) }

// Sample looks at processes, as happens every few seconds.
func (s *Service) Sample() { s.sample() }

// Counting returns what counts one invocation.
func Counting(at time.Time) func() {
	var f figures
	own, end := f.of("app", "function"), &ending{took: 3 * time.Millisecond, queued: time.Microsecond}
	return func() { own.add(at, end) }
}

package functions

import (
	"math"
	"sync"
	"time"

	"yunduo"
)

const (
	figuresSpan = 300 // seconds that are remembered
	// quietPerSecond is how many successful invocations without output are recorded of a function in one second.
	quietPerSecond = 50
)

// Second is what happened in an app's functions in one second.
type Second struct {
	Time   time.Time
	Calls  int64
	Errors int64
	P50    time.Duration
	P99    time.Duration
}

// LastError is the latest failure of a function.
type LastError struct {
	Time    time.Time
	Reason  yunduo.Reason
	Message string
}

// Stats returns an app's last seconds on this machine, oldest first and without the running one; at most 300.
func (s *Service) Stats(caller yunduo.Caller, app yunduo.AppID, seconds int) ([]Second, error) {
	return s.stats(caller, app, "", seconds)
}

// FunctionStats is Stats of one function.
func (s *Service) FunctionStats(caller yunduo.Caller, app yunduo.AppID, function string, seconds int) ([]Second, error) {
	return s.stats(caller, app, function, seconds)
}

func (s *Service) stats(caller yunduo.Caller, app yunduo.AppID, function string, seconds int) ([]Second, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	if seconds < 1 || seconds >= figuresSpan {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "seconds: %d is not between 1 and %d", seconds, figuresSpan-1)
	}
	return s.figures.seconds(app, function, s.options.Now(), seconds), nil
}

// figures are the figures of every function that ran.
type figures struct {
	mu   sync.Mutex
	apps map[yunduo.AppID]map[string]*functionFigures
}

// functionFigures are counts of one function by second.
type functionFigures struct {
	mu    sync.Mutex
	ring  [figuresSpan]*second
	quiet struct {
		unix  int64
		count int
	}
	failed *LastError
}

type second struct {
	unix    int64
	calls   uint32
	errors  uint32
	latency histogram
}

func (f *figures) of(app yunduo.AppID, function string) *functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.apps == nil {
		f.apps = make(map[yunduo.AppID]map[string]*functionFigures)
	}
	if f.apps[app] == nil {
		f.apps[app] = make(map[string]*functionFigures)
	}
	own := f.apps[app][function]
	if own == nil {
		own = &functionFigures{}
		f.apps[app][function] = own
	}
	return own
}

func (f *figures) forget(app yunduo.AppID, function string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.apps[app], function)
	if len(f.apps[app]) == 0 {
		delete(f.apps, app)
	}
}

func (f *figures) lastError(app yunduo.AppID, function string) *LastError {
	f.mu.Lock()
	own := f.apps[app][function]
	f.mu.Unlock()
	if own == nil {
		return nil
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	return own.failed
}

func (f *figures) seconds(app yunduo.AppID, function string, now time.Time, count int) []Second {
	f.mu.Lock()
	var list []*functionFigures
	for name, own := range f.apps[app] {
		if function == "" || function == name {
			list = append(list, own)
		}
	}
	f.mu.Unlock()
	first := now.Unix() - int64(count)
	sums := make([]second, count)
	for _, own := range list {
		own.mu.Lock()
		for _, s := range own.ring {
			if s == nil || s.unix < first || s.unix >= first+int64(count) {
				continue
			}
			sum := &sums[s.unix-first]
			sum.calls += s.calls
			sum.errors += s.errors
			sum.latency.merge(&s.latency)
		}
		own.mu.Unlock()
	}
	result := make([]Second, count)
	for i := range sums {
		result[i] = Second{
			Time: time.Unix(first+int64(i), 0).UTC(), Calls: int64(sums[i].calls), Errors: int64(sums[i].errors),
			P50: sums[i].latency.quantile(0.5), P99: sums[i].latency.quantile(0.99),
		}
	}
	return result
}

// add counts an invocation in the second in which it ended. quiet says that it is one of too many successful ones to
// be recorded, should it have printed nothing.
func (f *functionFigures) add(started time.Time, end *ending) (quiet bool) {
	ended := started.Add(end.took)
	unix := ended.Unix()
	f.mu.Lock()
	defer f.mu.Unlock()
	place := &f.ring[unix%figuresSpan]
	if *place == nil {
		*place = &second{}
	}
	s := *place
	if s.unix != unix {
		*s = second{unix: unix}
	}
	s.calls++
	s.latency.add(end.took)
	if end.err != nil {
		s.errors++
		f.failed = &LastError{Time: ended, Reason: end.err.Reason, Message: cut(end.err.Message, maxLineBytes)}
		return false
	}
	if f.quiet.unix != unix {
		f.quiet.unix, f.quiet.count = unix, 0
	}
	f.quiet.count++
	return f.quiet.count > quietPerSecond
}

// histogram counts durations by size: each bucket reaches half as far again as the one before it.
type histogram [40]uint32

const (
	histogramFirst = 50 * time.Microsecond
	histogramRatio = 1.5
)

func (h *histogram) add(d time.Duration) {
	i := 0
	if d > histogramFirst {
		i = int(math.Ceil(math.Log(float64(d)/float64(histogramFirst)) / math.Log(histogramRatio)))
	}
	h[min(i, len(h)-1)]++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// quantile estimates the duration below which the share q of all lies; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	var total, seen float64
	for _, n := range h {
		total += float64(n)
	}
	if total == 0 {
		return 0
	}
	for i, n := range h {
		if n == 0 {
			continue
		}
		if seen+float64(n) >= q*total {
			upper := float64(histogramFirst) * math.Pow(histogramRatio, float64(i))
			lower := upper / histogramRatio
			if i == 0 {
				lower = 0
			}
			return time.Duration(lower + (upper-lower)*(q*total-seen)/float64(n))
		}
		seen += float64(n)
	}
	return 0
}

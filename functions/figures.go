package functions

import (
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
)

const (
	figuresSpan = 300 // seconds that are remembered
	// quietPerSecond is how many successful invocations without output are recorded of a function in one second, beside
	// those that are slower than all before them in it.
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
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	if seconds < 1 || seconds >= figuresSpan {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "seconds: %d is not between 1 and %d", seconds, figuresSpan-1)
	}
	return s.figures.seconds(app, s.options.Now(), seconds), nil
}

// figures are the figures of every function that ran.
type figures struct {
	mu   sync.Mutex
	apps map[yunduo.AppID]*appFigures
}

// appFigures are an app's last seconds, and its functions. The seconds are the app's and not the function's because
// there may be very many functions.
type appFigures struct {
	functions map[string]*functionFigures // guarded by the mutex of figures

	mu   sync.Mutex
	ring [figuresSpan]*second
}

type second struct {
	unix    int64
	calls   uint32
	errors  uint32
	latency histogram
}

// functionFigures are what a function has counted since it was last stored. A call allocates nothing here.
type functionFigures struct {
	app *appFigures

	mu      sync.Mutex
	minutes [2]minute // by the number of the minute, modulo 2
	quiet   struct {
		unix    int64
		count   int
		slowest time.Duration
	}
	failed *LastError

	wish atomic.Pointer[wish] // to record calls; nil for none
}

func (f *figures) of(app yunduo.AppID, function string) *functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.apps == nil {
		f.apps = make(map[yunduo.AppID]*appFigures)
	}
	all := f.apps[app]
	if all == nil {
		all = &appFigures{functions: make(map[string]*functionFigures)}
		f.apps[app] = all
	}
	own := all.functions[function]
	if own == nil {
		own = &functionFigures{app: all}
		all.functions[function] = own
	}
	return own
}

// known returns the figures of a function that ran here; nil if it did not.
func (f *figures) known(app yunduo.AppID, function string) *functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if all := f.apps[app]; all != nil {
		return all.functions[function]
	}
	return nil
}

func (f *figures) forget(app yunduo.AppID, function string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.apps[app]
	if all == nil {
		return
	}
	delete(all.functions, function)
	if len(all.functions) == 0 {
		delete(f.apps, app)
	}
}

func (f *figures) lastError(app yunduo.AppID, function string) *LastError {
	own := f.known(app, function)
	if own == nil {
		return nil
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	return own.failed
}

func (f *figures) seconds(app yunduo.AppID, now time.Time, count int) []Second {
	f.mu.Lock()
	all := f.apps[app]
	f.mu.Unlock()
	first := now.Unix() - int64(count)
	result := make([]Second, count)
	for i := range result {
		result[i].Time = time.Unix(first+int64(i), 0).UTC()
	}
	if all == nil {
		return result
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, s := range all.ring {
		if s == nil || s.unix < first || s.unix >= first+int64(count) {
			continue
		}
		r := &result[s.unix-first]
		r.Calls, r.Errors, r.P50, r.P99 = int64(s.calls), int64(s.errors), s.latency.quantile(0.5), s.latency.quantile(0.99)
	}
	return result
}

// add counts an invocation in the second in which it ended.
func (a *appFigures) add(unix int64, bucket int, failed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	place := &a.ring[unix%figuresSpan]
	if *place == nil {
		*place = &second{}
	}
	s := *place
	if s.unix != unix {
		*s = second{unix: unix}
	}
	s.calls++
	s.latency[bucket]++
	if failed {
		s.errors++
	}
}

// sweep lets go of seconds that are too old to be asked for.
func (a *appFigures) sweep(now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.ring {
		if s != nil && s.unix < now-figuresSpan {
			a.ring[i] = nil
		}
	}
}

// add counts an invocation. quiet says that it is one of too many successful ones to be recorded, should it have printed
// nothing and be slower than none.
func (f *functionFigures) add(started time.Time, end *ending) (quiet bool) {
	ended := started.Add(end.took)
	unix, bucket := ended.Unix(), bucketOf(end.took)
	f.app.add(unix, bucket, end.err != nil)
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.minute(unix)
	c.calls++
	c.latency[bucket]++
	c.took += end.took
	c.queue += end.queued
	c.queueMax = max(c.queueMax, end.queued)
	if end.cold {
		c.cold++
	}
	if end.err != nil {
		c.errors++
		f.failed = &LastError{Time: ended, Reason: end.err.Reason, Message: cut(end.err.Message, maxLineBytes)}
		return false
	}
	if f.quiet.unix != unix {
		f.quiet.unix, f.quiet.count, f.quiet.slowest = unix, 0, 0
	}
	f.quiet.count++
	slowest := end.took > f.quiet.slowest
	f.quiet.slowest = max(f.quiet.slowest, end.took)
	return f.quiet.count > quietPerSecond && !slowest
}

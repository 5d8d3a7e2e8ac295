package functions

import (
	"sync"
	"time"

	"yunduo"
)

const (
	bucketTime = time.Second
	bucketSpan = 300 // buckets kept: the last five minutes
)

// latencyBounds are the upper bounds of the latency classes: from 50 µs, a quarter more each, to about 15 minutes.
var latencyBounds = func() []time.Duration {
	var bounds []time.Duration
	for d := 50 * time.Microsecond; d < 16*time.Minute; d += d / 4 {
		bounds = append(bounds, d)
	}
	return bounds
}()

// figures are the recent figures of every function that was called on this machine.
type figures struct {
	mu        sync.Mutex
	functions map[string]*functionFigures
}

// functionFigures are a function's figures of the last minutes, second by second.
type functionFigures struct {
	mu      sync.Mutex
	buckets [bucketSpan]bucket
	last    *LastError
}

type bucket struct {
	second    int64
	calls     int64
	errors    int64
	latencies map[uint8]int64 // count by class
}

// LastError is the latest failure of a function.
type LastError struct {
	InvocationID string
	At           time.Time
	Reason       yunduo.Reason
	Message      string
}

// Stat is an app's activity in one second.
type Stat struct {
	Time          time.Time
	Calls, Errors int64
	P50, P99      time.Duration // of the calls that ended in it; zero without calls
}

func (f *figures) of(app yunduo.AppID, name string) *functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.functions == nil {
		f.functions = map[string]*functionFigures{}
	}
	id := functionID(app, name)
	if f.functions[id] == nil {
		f.functions[id] = &functionFigures{}
	}
	return f.functions[id]
}

func (f *figures) forget(app yunduo.AppID, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.functions, functionID(app, name))
}

func (f *figures) lastError(app yunduo.AppID, name string) *LastError {
	f.mu.Lock()
	one := f.functions[functionID(app, name)]
	f.mu.Unlock()
	if one == nil {
		return nil
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.last
}

func (f *functionFigures) add(started time.Time, took time.Duration, i Invocation) {
	second := started.Add(took).Unix()
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &f.buckets[second%bucketSpan]
	if b.second != second {
		*b = bucket{second: second, latencies: map[uint8]int64{}}
	}
	b.calls++
	b.latencies[class(took)]++
	if i.Reason != "" {
		b.errors++
		f.last = &LastError{InvocationID: i.ID, At: started.Add(took).UTC(), Reason: i.Reason, Message: i.Message}
	}
}

func class(d time.Duration) uint8 {
	for n, bound := range latencyBounds {
		if d <= bound {
			return uint8(n)
		}
	}
	return uint8(len(latencyBounds) - 1)
}

// Stats returns an app's activity on this machine in the last seconds, 1 to 300, oldest first. Errors:
// permission_denied.
func (s *Service) Stats(caller yunduo.Caller, app yunduo.AppID, seconds int) ([]Stat, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	seconds = min(max(seconds, 1), bucketSpan-1)
	now := s.options.Now().Unix()
	stats := make([]Stat, seconds)
	latencies := make([]map[uint8]int64, seconds)
	for i := range stats {
		stats[i].Time = time.Unix(now-int64(seconds-1-i), 0).UTC()
		latencies[i] = map[uint8]int64{}
	}
	for _, f := range s.figures.ofApp(app) {
		f.sum(now-int64(seconds-1), stats, latencies)
	}
	for i := range stats {
		stats[i].P50, stats[i].P99 = percentile(latencies[i], stats[i].Calls, 0.50), percentile(latencies[i], stats[i].Calls, 0.99)
	}
	return stats, nil
}

func (f *figures) ofApp(app yunduo.AppID) []*functionFigures {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []*functionFigures
	prefix := functionID(app, "")
	for id, one := range f.functions {
		if len(id) > len(prefix) && id[:len(prefix)] == prefix {
			list = append(list, one)
		}
	}
	return list
}

// sum adds the function's buckets to those of its app, which begin at a second.
func (f *functionFigures) sum(from int64, stats []Stat, latencies []map[uint8]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range stats {
		b := &f.buckets[(from+int64(i))%bucketSpan]
		if b.second != from+int64(i) {
			continue
		}
		stats[i].Calls += b.calls
		stats[i].Errors += b.errors
		for class, n := range b.latencies {
			latencies[i][class] += n
		}
	}
}

// percentile returns the upper bound of the class in which the share of all calls is reached.
func percentile(latencies map[uint8]int64, calls int64, share float64) time.Duration {
	if calls == 0 {
		return 0
	}
	want, seen := int64(float64(calls)*share+0.999999), int64(0)
	for n := range latencyBounds {
		if seen += latencies[uint8(n)]; seen >= want {
			return latencyBounds[n]
		}
	}
	return latencyBounds[len(latencyBounds)-1]
}

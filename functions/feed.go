package functions

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// Entry is something that happened in a function just now: a line it printed, or the end of an invocation.
type Entry struct {
	Function     string
	InvocationID string
	Line         *runtime.LogLine // nil for an end
	Ended        *Invocation      // nil for a line; shared, not to be changed
}

// feedBuffer is how many entries wait for a subscriber; the next ones are left out.
const feedBuffer = 1024

// feed hands entries to whoever is watching.
type feed struct {
	watched atomic.Int64 // subscribers: nobody watching costs nothing
	mu      sync.Mutex
	closed  bool
	all     map[*subscriber]struct{}
}

type subscriber struct {
	app      yunduo.AppID
	function string
	entries  chan Entry
	wants    func(Entry) bool
	missed   int
}

// Subscribe follows an app's functions, or one of them, on this machine, as far as the subscriber wants to know: wants
// must be quick, and nil wants everything. The channel is closed by stop and when the
// service closes. Who reads too slowly gets a line that tells how many entries were left out.
func (s *Service) Subscribe(caller yunduo.Caller, app yunduo.AppID, function string, wants func(Entry) bool) (entries <-chan Entry, stop func(), err error) {
	if err := manage(caller, app); err != nil {
		return nil, nil, err
	}
	sub := &subscriber{app: app, function: function, wants: wants, entries: make(chan Entry, feedBuffer)}
	if !s.feed.add(sub) {
		return nil, nil, errClosing
	}
	return sub.entries, func() { s.feed.remove(sub) }, nil
}

func (f *feed) add(sub *subscriber) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	if f.all == nil {
		f.all = make(map[*subscriber]struct{})
	}
	f.all[sub] = struct{}{}
	f.watched.Store(int64(len(f.all)))
	return true
}

func (f *feed) remove(sub *subscriber) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.all[sub]; ok {
		delete(f.all, sub)
		close(sub.entries)
		f.watched.Store(int64(len(f.all)))
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for sub := range f.all {
		close(sub.entries)
	}
	f.all = nil
	f.watched.Store(0)
}

func (f *feed) publish(app yunduo.AppID, e Entry) {
	if f.watched.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for sub := range f.all {
		if sub.app == app && (sub.function == "" || sub.function == e.Function) && (sub.wants == nil || sub.wants(e)) {
			sub.send(e)
		}
	}
}

// send never waits: a slow reader must not slow functions down.
func (sub *subscriber) send(e Entry) {
	if sub.missed > 0 {
		note := runtime.LogLine{Time: time.Now(), Level: "warn", Message: fmt.Sprintf("%d entries came too fast and are left out", sub.missed)}
		select {
		case sub.entries <- Entry{Function: e.Function, InvocationID: e.InvocationID, Line: &note}:
			sub.missed = 0
		default:
			sub.missed++
			return
		}
	}
	select {
	case sub.entries <- e:
	default:
		sub.missed++
	}
}

package functions

import (
	"sync"

	"yunduo"
)

// feedBuffer is how many entries a slow listener may lag behind before entries are left out.
const feedBuffer = 256

// Entry is something that listeners are told: a line as it is printed, or an invocation as it ends.
type Entry struct {
	App          yunduo.AppID
	Function     string
	InvocationID string
	Line         *Line       // set for a line
	Ended        *Invocation // set for the end
}

// listener is one who follows an app or one of its functions.
type listener struct {
	app      yunduo.AppID
	function string // empty for all
	entries  chan Entry
}

// feed tells listeners what happens now. A slow listener misses entries; it never slows an invocation.
type feed struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
	closed    bool
}

// Subscribe follows what an app's functions do from now on; function may be empty for all. The channel is closed by
// the returned function and when the service closes. Errors: permission_denied.
func (s *Service) Subscribe(caller yunduo.Caller, app yunduo.AppID, function string) (<-chan Entry, func(), error) {
	if err := manage(caller, app); err != nil {
		return nil, nil, err
	}
	l := &listener{app: app, function: function, entries: make(chan Entry, feedBuffer)}
	f := &s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, nil, errClosing
	}
	if f.listeners == nil {
		f.listeners = map[*listener]struct{}{}
	}
	f.listeners[l] = struct{}{}
	return l.entries, func() { f.remove(l) }, nil
}

func (f *feed) remove(l *listener) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.listeners[l]; ok {
		delete(f.listeners, l)
		close(l.entries)
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for l := range f.listeners {
		close(l.entries)
	}
	f.listeners = nil
}

func (f *feed) publishLine(app yunduo.AppID, function, invocation string, line Line) {
	f.send(Entry{App: app, Function: function, InvocationID: invocation, Line: &line})
}

func (f *feed) publish(i Invocation) {
	f.send(Entry{App: i.App, Function: i.Function, InvocationID: i.ID, Ended: &i})
}

func (f *feed) send(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.listeners {
		if l.app != e.App || l.function != "" && l.function != e.Function {
			continue
		}
		select {
		case l.entries <- e:
		default: // too slow
		}
	}
}

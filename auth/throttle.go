package auth

import (
	"sync"
	"time"

	"yunduo"
)

// Failed attempts within one window, after which more are refused until it is over.
const (
	throttleWindow   = 5 * time.Minute
	failuresPerName  = 10
	failuresPerIP    = 100
	throttledEntries = 100_000
)

// throttle slows down who guesses passwords, per account and per address.
type throttle struct {
	now func() time.Time

	mu      sync.Mutex
	windows map[string]*window
}

type window struct {
	ends     time.Time
	attempts int
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, windows: make(map[string]*window)}
}

// attempt counts an attempt before its outcome is known, so that many at once count too. The function it returns is
// called when the attempt succeeded. It returns rate_limited if there were too many.
func (t *throttle) attempt(name, ip string) (succeeded func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	account := t.window("name/"+name, now)
	address := &window{} // nobody's, if the address is unknown
	if ip != "" {
		address = t.window("ip/"+ip, now)
	}
	if account.attempts >= failuresPerName || address.attempts >= failuresPerIP {
		return nil, yunduo.Errorf(yunduo.ReasonRateLimited, "too many failed attempts to sign in; wait %d minutes", int(throttleWindow.Minutes()))
	}
	account.attempts++
	address.attempts++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		account.attempts = 0
		address.attempts--
	}, nil
}

// window returns the current window of a key. The caller holds the lock.
func (t *throttle) window(key string, now time.Time) *window {
	w, ok := t.windows[key]
	if ok && now.Before(w.ends) {
		return w
	}
	if !ok && len(t.windows) >= throttledEntries {
		t.sweep(now)
	}
	w = &window{ends: now.Add(throttleWindow)}
	t.windows[key] = w
	return w
}

// sweep makes room: windows that are over go first, then any.
func (t *throttle) sweep(now time.Time) {
	for key, w := range t.windows {
		if !now.Before(w.ends) {
			delete(t.windows, key)
		}
	}
	for key := range t.windows {
		if len(t.windows) < throttledEntries*9/10 {
			return
		}
		delete(t.windows, key)
	}
}

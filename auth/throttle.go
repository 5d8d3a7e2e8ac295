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
	failuresPerApp   = 5000
	throttledEntries = 100_000
)

// throttle slows down who guesses passwords, per account, address and app.
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
func (t *throttle) attempt(app, name, ip string) (succeeded func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	account, everybody := t.window("name/"+name, now, throttleWindow), t.window("app/"+app, now, throttleWindow)
	address := &window{} // nobody's, if the address is unknown
	if ip != "" {
		address = t.window("ip/"+ip, now, throttleWindow)
	}
	if account.attempts >= failuresPerName || address.attempts >= failuresPerIP || everybody.attempts >= failuresPerApp {
		return nil, yunduo.Errorf(yunduo.ReasonRateLimited, "too many failed attempts to sign in; wait %d minutes", int(throttleWindow.Minutes()))
	}
	account.attempts++
	address.attempts++
	everybody.attempts++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		account.attempts = 0
		address.attempts--
		everybody.attempts--
	}, nil
}

// limit is how often something may happen within a span.
type limit struct {
	key  string
	most int
	span time.Duration
}

// take counts one more of something, unless one of its limits is reached: rate_limited.
func (t *throttle) take(limits ...limit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, l := range limits {
		if w := t.window(l.key, now, l.span); w.attempts >= l.most {
			return yunduo.Errorf(yunduo.ReasonRateLimited, "too many requests of this kind; wait %d seconds", int(w.ends.Sub(now).Seconds())+1)
		}
	}
	for _, l := range limits {
		t.window(l.key, now, l.span).attempts++
	}
	return nil
}

// reached reports whether one of the counters is at its number or beyond, and counts nothing.
func (t *throttle) reached(counters ...limit) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for _, c := range counters {
		if w, ok := t.windows[c.key]; ok && now.Before(w.ends) && w.attempts >= c.most {
			return true
		}
	}
	return false
}

// window returns the current window of a key. The caller holds the lock.
func (t *throttle) window(key string, now time.Time, span time.Duration) *window {
	w, ok := t.windows[key]
	if ok && now.Before(w.ends) {
		return w
	}
	if !ok && len(t.windows) >= throttledEntries {
		t.sweep(now)
	}
	w = &window{ends: now.Add(span)}
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

package functions

import (
	"context"
	"time"

	"yunduo"
)

// AsyncAtOnce is how many accepted invocations run at the same time.
const AsyncAtOnce = asyncAtOnce

// NewCutTapeExchange makes what is recorded of an exchange that had more bytes than are kept.
func NewCutTapeExchange(sent, received []byte) *TapeExchange {
	b := taped{sent: sent, received: received, receivedMore: true}
	return b.exchange(b.hiding(func(s string) string { return s }))
}

// StoreFigures stores the minutes before a number, as happens at the end of each.
func (s *Service) StoreFigures(before int64) { s.storeFigures(before) }

// Sample looks at processes, as happens every few seconds.
func (s *Service) Sample() { s.sample() }

// SweepLogs removes records that are too old, as happens every hour.
func (s *Service) SweepLogs(ctx context.Context) error { return s.sweepOldLogs(ctx) }

// Counting returns what counts one invocation.
func Counting(at time.Time) func() {
	var f figures
	own, end := f.of("app", "function"), &ending{took: 3 * time.Millisecond, queued: time.Microsecond}
	return func() { own.add(at, end) }
}

// LookAtCanaries does at once what is done every few seconds.
func (s *Service) LookAtCanaries(ctx context.Context) error { return s.lookAtCanaries(ctx) }

// Measure counts an invocation by a version of the app's function, as if it had taken so long.
func (s *Service) Measure(app yunduo.AppID, name string, number int64, took time.Duration, failed bool) bool {
	s.mu.RLock()
	p := s.programs[versionID(app, name, number)]
	s.mu.RUnlock()
	if p == nil {
		return false
	}
	m := p.measure.Load()
	if m != nil {
		m.add(took, failed)
	}
	return m != nil
}

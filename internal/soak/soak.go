// Package soak tells random tests with which seed and how long they run: shortly and always the same in make test,
// long and with a seed of the moment in make soak.
package soak

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Run is the budget of a random test.
type Run struct {
	Seed int64
	end  time.Time
}

// Start reads the budget: YUNDUO_SEED, else the test's usual seed; YUNDUO_SOAK, a duration from now, else nothing
// beyond what the test does anyway.
func Start(t testing.TB, usual int64) Run {
	t.Helper()
	r := Run{Seed: usual}
	if s := os.Getenv("YUNDUO_SEED"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatalf("YUNDUO_SEED: %v", err)
		}
		r.Seed = n
		t.Logf("YUNDUO_SEED=%d", n)
	}
	if s := os.Getenv("YUNDUO_SOAK"); s != "" {
		length, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("YUNDUO_SOAK: %v", err)
		}
		r.end = time.Now().Add(length)
	}
	return r
}

// More reports whether the test is to go on beyond its usual end.
func (r Run) More() bool { return time.Now().Before(r.end) }

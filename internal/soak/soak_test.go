package soak

import "testing"

func TestStart(t *testing.T) {
	t.Setenv("YUNDUO_SEED", "")
	t.Setenv("YUNDUO_SOAK", "")
	if r := Start(t, 7); r.Seed != 7 || r.More() {
		t.Error("usually a test runs as it says:", r)
	}
	t.Setenv("YUNDUO_SEED", "-3")
	t.Setenv("YUNDUO_SOAK", "1h")
	if r := Start(t, 7); r.Seed != -3 || !r.More() {
		t.Error("a soak is longer and has its own seed:", r)
	}
}

package server

import "testing"

func TestGrowth(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 2000, 1 << 20: 2000, heapFloor / 4: 300, heapFloor / 2: 100, heapFloor: 100, 10 * heapFloor: 100, 1 << 60: 100,
	} {
		if got := growth(live); got != want {
			t.Errorf("%d live bytes may grow by %d %%, want %d", live, got, want)
		}
	}
}

func TestIdleSince(t *testing.T) {
	const mb = 1 << 20
	before := heapUse{allocated: 1000 * mb, held: 150 * mb, live: 40 * mb}
	for name, test := range map[string]struct {
		now  heapUse
		idle bool
	}{
		"idle with garbage":    {heapUse{1001 * mb, 151 * mb, 40 * mb}, true},
		"busy":                 {heapUse{1100 * mb, 180 * mb, 40 * mb}, false},
		"idle without garbage": {heapUse{1001 * mb, 45 * mb, 40 * mb}, false},
	} {
		if got := test.now.idleSince(before); got != test.idle {
			t.Errorf("%s: %v", name, got)
		}
	}
	if u := readHeapUse(); u.allocated == 0 || u.held == 0 {
		t.Errorf("%+v", u)
	}
}

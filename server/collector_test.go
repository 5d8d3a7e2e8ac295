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

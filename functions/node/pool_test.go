package node

import "testing"

func TestPool_GivesWhatIsWantedOrTheOther(t *testing.T) {
	gone := make(chan struct{})
	close(gone)
	blank := func(fetches bool) *process { return &process{fetches: fetches, gone: make(chan struct{})} }
	plain, fetching, dead := blank(false), blank(true), &process{gone: gone}
	for _, c := range []struct {
		ready []*process
		kind  blankKind
		want  *process
	}{
		{[]*process{fetching, plain}, anyBlank, plain},
		{[]*process{plain, fetching}, fetchingBlank, fetching},
		{[]*process{fetching, plain}, plainBlank, plain},
		{[]*process{fetching}, anyBlank, fetching},
		{[]*process{plain}, fetchingBlank, plain},
		{[]*process{fetching}, plainBlank, nil},
		{[]*process{dead, fetching}, anyBlank, fetching},
		{[]*process{dead}, fetchingBlank, nil},
		{nil, anyBlank, nil},
	} {
		p := &pool{ready: append([]*process(nil), c.ready...)}
		if got := p.alive(c.kind); got != c.want {
			t.Errorf("of %v, kind %d is given %p, want %p", c.ready, c.kind, got, c.want)
		}
		for _, proc := range p.ready {
			if proc == dead || proc == c.want {
				t.Errorf("of %v, kind %d leaves %v", c.ready, c.kind, p.ready)
			}
		}
	}
}

// Whoever waits for a process gets one booted, also where others are ready that will not do and are about to be ended.
func TestPool_BootsForWhoWaits(t *testing.T) {
	for _, c := range []struct {
		ready, booting, target, waiting int
		want                            bool
	}{
		{0, 0, 1, 0, true},
		{1, 0, 1, 0, false},
		{1, 0, 1, 1, true},
		{1, 1, 1, 1, false},
		{1, 0, 0, 0, false},
		{1, 0, 0, 1, true},
		{2, 1, 1, 1, false},
	} {
		p := &pool{ready: make([]*process, c.ready), ordinary: c.booting, target: c.target}
		for range c.waiting {
			p.waiting.push(&waiter{app: "shop"})
		}
		if got := p.missing(); got != c.want {
			t.Errorf("%+v: missing %v", c, got)
		}
	}
}

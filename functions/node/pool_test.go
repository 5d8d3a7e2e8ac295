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

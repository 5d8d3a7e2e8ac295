package functions

import (
	"context"
	"sync"
	"time"

	"yunduo/functions/runtime"
)

// warmLimit is how long a new version is waited for. Calls of a version that comes later wait themselves.
const warmLimit = 2 * time.Second

// warm gets processes for versions that are about to take the calls of running ones, which go on answering meanwhile: who
// calls a function all the time does not notice that it is published.
func (s *Service) warm(ctx context.Context, targets map[string]*target) {
	ctx, cancel := context.WithTimeout(ctx, warmLimit)
	defer cancel()
	var group sync.WaitGroup
	for id, t := range targets {
		if old := s.loaded(id); old == nil || !old.running() {
			continue
		}
		for _, p := range t.programs() {
			if code, ok := p.code.(runtime.Warmer); ok {
				group.Go(func() { code.Warm(ctx) })
			}
		}
	}
	group.Wait()
}

func (t *target) running() bool {
	for _, p := range t.programs() {
		if code, ok := p.code.(runtime.Warmer); ok && code.Running() {
			return true
		}
	}
	return false
}

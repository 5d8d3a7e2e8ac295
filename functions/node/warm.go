package node

import (
	"context"
	"slices"

	"yunduo/functions/runtime"
)

var _ runtime.Warmer = (*Program)(nil)

// Running implements runtime.Warmer.
func (p *Program) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.replicas, func(r *replica) bool { return !r.leaving })
}

// Warm implements runtime.Warmer.
func (p *Program) Warm(ctx context.Context) {
	p.mu.Lock()
	if p.closed || p.size() > 0 {
		p.mu.Unlock()
		return
	}
	done := p.startReplica()
	p.unlock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

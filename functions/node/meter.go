package node

import (
	"slices"
	"time"

	"yunduo/functions/runtime"
)

var _ runtime.Meter = (*Program)(nil)

// Usage implements runtime.Meter. Where the system does not tell, processor time is known of processes that have ended
// only, and memory not at all.
func (p *Program) Usage() runtime.Usage {
	p.mu.Lock()
	replicas, usage := slices.Clone(p.replicas), runtime.Usage{CPU: p.used}
	p.mu.Unlock()
	for _, rep := range replicas {
		child := rep.proc.child.process
		if total, ok := processTime(child); ok {
			usage.CPU += max(0, total-rep.proc.start)
		}
		usage.Memory += privateMemory(child)
	}
	return usage
}

// spent returns the processor time that a process which has been reaped used for its program.
func (p *process) spent() time.Duration {
	state := p.child.state
	if state == nil {
		return 0
	}
	return max(0, state.UserTime()+state.SystemTime()-p.start)
}

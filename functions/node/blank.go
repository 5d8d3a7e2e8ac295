package node

import "slices"

// Node.js's fetch takes longer to load than most functions, and packages load it: where there are such functions, one of the
// blank processes that wait has it ready.

// blankKind is which of the processes that wait somebody had better get.
type blankKind int

const (
	anyBlank      blankKind = iota
	fetchingBlank           // one that has loaded Node.js's fetch; any other will do
	plainBlank              // one that has not; no other will do
)

// alive takes a process that waits, one of the kind if there is one; nil if there is none that will do. p.mu is held.
func (p *pool) alive(kind blankKind) *process {
	p.bury()
	i := slices.IndexFunc(p.ready, func(proc *process) bool { return proc.fetches == (kind == fetchingBlank) })
	if i < 0 {
		if i = 0; len(p.ready) == 0 || kind == plainBlank {
			return nil
		}
	}
	proc := p.ready[i]
	p.ready = slices.Delete(p.ready, i, i+1)
	return proc
}

// bury forgets the processes that died while they waited. p.mu is held.
func (p *pool) bury() {
	p.ready = slices.DeleteFunc(p.ready, func(proc *process) bool {
		select {
		case <-proc.gone:
			return true
		default:
			return false
		}
	})
}

// expectFetching has a process ready from now on that has loaded fetch.
func (p *pool) expectFetching() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetching = true
	p.prepare()
}

// prepare has one of the processes that wait load fetch, if there are functions for it and none has. The oldest one: it is
// the last to be ended. p.mu is held.
func (p *pool) prepare() {
	if !p.fetching || len(p.ready) == 0 || p.waiting.count > 0 || slices.ContainsFunc(p.ready, func(proc *process) bool { return proc.fetches }) {
		return
	}
	proc := p.ready[0]
	proc.fetches = true
	proc.out.sendBehind(framePrepare, 0, 0, 0)
}

package node

import (
	"slices"
	"time"
)

// Claims decide who runs an invocation that shares a busy process: that process, or another one in its place. For each
// such invocation the host puts a token into a pipe, and the process takes one before user code runs. While a process
// is silent because one of its requests hogs it, the host takes the remaining tokens back: tokens and invocations keep
// their order, so the last so many invocations have not begun and never will, and can run elsewhere. Nothing is ever
// run twice.

// claimPatience is how long a process may be silent before its untouched invocations are taken back.
const claimPatience = 50 * time.Millisecond

// manyOffers is from how many on the answered ones among them are looked for.
const manyOffers = 64

// offer puts a token for the run, which is about to be sent. p.mu is held.
func (p *process) offer(r *run) (flags uint8) {
	for len(p.offers) > 0 && p.offers[0].answered {
		p.offers[0] = nil
		p.offers = p.offers[1:]
	}
	if len(p.offers) >= max(manyOffers, 2*p.busy) { // behind one that takes long
		p.offers = slices.DeleteFunc(p.offers, func(r *run) bool { return r.answered })
	}
	p.offers = append(p.offers, r)
	p.offered = now()
	p.unput++
	if !p.watching {
		p.watching = true
		if p.watch == nil {
			p.watch = time.AfterFunc(claimPatience, p.withdrawSilent)
		} else {
			p.watch.Reset(claimPatience)
		}
	}
	return flagClaim
}

// putTokens puts the tokens of the frames that are about to be written, and of those behind them, into the pipe.
func (p *process) putTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unput > 0 {
		p.child.tokens.put(p.unput)
		p.unput = 0
	}
}

// withdrawSilent takes back what a silent process has not begun.
func (p *process) withdrawSilent() {
	p.mu.Lock()
	if p.dead || !slices.ContainsFunc(p.offers, func(r *run) bool { return !r.answered }) {
		p.watching = false
		p.mu.Unlock()
		return
	}
	if silence := time.Duration(now() - max(p.heard.Load(), p.offered)); silence < claimPatience {
		p.watch.Reset(claimPatience - silence)
		p.mu.Unlock()
		return
	}
	p.watching = false // without tokens there is nothing to watch: what is left has begun
	taken := p.withdraw()
	astray := p.busy == 0 && len(taken) > 0 && computes(p.child.process) // with something that no request waits for
	p.mu.Unlock()
	if astray {
		p.owner.Load().leaves(p)
	}
	p.giveBack(taken)
	if astray {
		p.kill(errBurnt)
	}
}

// withdraw takes all runs back that the process has not begun. They count as answered. p.mu is held.
func (p *process) withdraw() []*run {
	if len(p.offers) == 0 {
		return nil
	}
	left := len(p.offers) - min(p.child.tokens.takeAll()+p.unput, len(p.offers))
	p.unput = 0
	var runs []*run
	for _, r := range p.offers[left:] {
		if r.answered { // only a process that does not keep to the order gets here
			continue
		}
		r.answered, r.withdrawn = true, true
		p.busy--
		p.withdrawn++
		runs = append(runs, r)
	}
	clear(p.offers[left:])
	p.offers = p.offers[:left]
	return runs
}

// giveBack lets withdrawn runs start elsewhere.
func (p *process) giveBack(runs []*run) {
	for _, r := range runs {
		r.endCalls()
		r.finish(outcome{again: true, err: errRetired})
		p.owner.Load().freed(r)
	}
}

// dropped learns that the process has met an invocation without a token. As soon as it has met them all, it may get
// new ones: their tokens cannot be mistaken any more.
func (p *process) dropped(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.runs[id]; r != nil && r.withdrawn {
		delete(p.runs, id)
		p.withdrawn--
	}
}

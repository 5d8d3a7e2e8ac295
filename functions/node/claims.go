package node

import (
	"fmt"
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
		// Those that were only given up may still have their tokens in the pipe.
		p.offers = slices.DeleteFunc(p.offers, func(r *run) bool { return r.answered && !r.expires.IsZero() })
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
	astray := p.busy == 0 && len(taken) > 0 && computes(p.child.process)
	p.mu.Unlock()
	p.giveBack(taken)
	if astray {
		p.watchAstray()
	}
}

// watchAstray ends the process if it goes on computing something that no request waits for. One that only waits for a
// processor, on a machine that has too much to do, will read what it was sent. Until then it gets no requests.
func (p *process) watchAstray() {
	heard := p.heard.Load()
	from, _, ok := processorTime(p.child.process)
	if !ok {
		return
	}
	time.AfterFunc(claimPatience, func() {
		ran, _, ok := processorTime(p.child.process)
		p.mu.Lock()
		if !ok || p.dead || p.busy > 0 || p.heard.Load() != heard {
			p.mu.Unlock()
			return
		}
		computing := ran-from >= claimPatience/2
		if computing {
			p.retired = true // from now on nobody begins here who would share its end
		}
		p.mu.Unlock()
		if !computing {
			p.watchAstray()
			return
		}
		p.owner.Load().leaves(p)
		p.kill(errBurnt)
	})
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
// new ones: their tokens cannot be mistaken any more. There was a token for one that was not taken back; that a process
// says otherwise ends it, so that nobody waits in vain.
func (p *process) dropped(id uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.runs[id]
	if r == nil || r.answered && !r.withdrawn {
		return nil
	}
	if !r.withdrawn {
		return fmt.Errorf("invocation %d was dropped", id)
	}
	delete(p.runs, id)
	p.withdrawn--
	return nil
}

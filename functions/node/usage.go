package node

import (
	"os"
	"time"
)

// usageWindow is over what time the use of a processor is measured at the least.
const usageWindow = 20 * time.Millisecond

// usage is what a process has used of a processor in the last window. Its thread runs JavaScript for one request at a
// time, so this tells whether requests wait for a processor, for the code or for something outside.
type usage struct {
	known     bool
	running   float64 // share of the time in which it ran
	waiting   float64 // share of the time in which it wanted to run and others did
	perAnswer time.Duration

	answers  int64 // since the last look
	at       int64
	ran, had time.Duration // what the system had counted then
}

// count takes an answer that was given at a time of now.
func (u *usage) count(process *os.Process, at int64) {
	u.answers++
	u.look(process, at)
}

// look measures, if the window is over.
func (u *usage) look(process *os.Process, at int64) {
	elapsed := time.Duration(at - u.at)
	if elapsed < usageWindow {
		return
	}
	ran, had, ok := processorTime(process)
	if !ok {
		u.known = false
		return
	}
	if u.at != 0 && elapsed < 10*usageWindow { // an older look tells nothing about now
		u.known = true
		u.running = float64(ran-u.ran) / float64(elapsed)
		u.waiting = float64(had-u.had) / float64(elapsed)
		if u.answers > 0 {
			u.perAnswer = (ran - u.ran) / time.Duration(u.answers)
		}
	}
	u.at, u.ran, u.had, u.answers = at, ran, had, 0
}

// bottleneck is why requests wait for a slot.
type bottleneck int

const (
	unknown bottleneck = iota
	slots              // the code waits for something outside: more processes can wait for more
	code               // the code computes, and there are processors left
	machine            // there is no processor left: more processes would only take from each other
)

// bottleneck judges by the processes that run. p.mu is held.
func (p *Program) bottleneck() bottleneck {
	var running, waiting float64
	n := 0.0
	for _, rep := range p.replicas {
		if rep.leaving {
			continue
		}
		if u := rep.proc.usage(); u.known {
			running += u.running
			waiting += u.waiting
			n++
		}
	}
	switch {
	case n == 0:
		return unknown
	case waiting > 0.2*n:
		return machine
	case running+waiting < 0.5*n:
		return slots
	}
	return code
}

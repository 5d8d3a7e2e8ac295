//go:build unix

package node

import (
	"os"
	"syscall"
)

// freeze stops a process without ending it; thaw lets it go on. canFreeze says whether they work here.
const canFreeze = true

func freeze(p *os.Process) { p.Signal(syscall.SIGSTOP) }
func thaw(p *os.Process)   { p.Signal(syscall.SIGCONT) }

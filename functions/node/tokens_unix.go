//go:build unix

package node

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// canShare says that processes may run several requests at once, because untouched ones can be taken back.
const canShare = true

// maxTokens is how many fit into a pipe.
const maxTokens = 64 << 10

// tokens is a pipe that both the host and the process read.
type tokens struct {
	read, write int
	file        *os.File // the read end once more, for the process to inherit
}

func newTokens() (*tokens, error) {
	var fds [2]int
	syscall.ForkLock.RLock()
	err := unix.Pipe(fds[:])
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	t := &tokens{read: fds[0], write: fds[1]}
	inherited, err := reopen(t.read)
	if err != nil {
		t.close()
		return nil, fmt.Errorf("copy a pipe: %w", err)
	}
	t.file = os.NewFile(uintptr(inherited), "tokens")
	unix.SetNonblock(t.read, true)
	unix.SetNonblock(t.write, true)
	return t, nil
}

// started lets go of the process's end. Handing a file to a process makes it blocking, which this takes back.
func (t *tokens) started() {
	unix.SetNonblock(int(t.file.Fd()), true)
	t.file.Close()
}

// put adds n tokens. A pipe takes thousands, far more than a process has slots.
func (t *tokens) put(n int) {
	var buffer [64]byte
	for ; n > 0; n -= min(n, len(buffer)) {
		unix.Write(t.write, buffer[:min(n, len(buffer))])
	}
}

// takeAll takes every token that is left and returns their number. Code that can write to the pipe, where it has the
// server's user, could go on doing so: nobody waits for that.
func (t *tokens) takeAll() int {
	var buffer [512]byte
	total := 0
	for total < maxTokens {
		n, err := unix.Read(t.read, buffer[:])
		if err == unix.EINTR {
			continue
		}
		if n <= 0 || err != nil {
			break
		}
		total += n
	}
	return total
}

func (t *tokens) close() {
	unix.Close(t.read)
	unix.Close(t.write)
}

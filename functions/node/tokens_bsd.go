//go:build unix && !linux

package node

import "golang.org/x/sys/unix"

// reopen copies the descriptor of the read end of a pipe. Processes are not walled in here.
func reopen(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

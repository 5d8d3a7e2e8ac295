package node

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// reopen opens the read end of a pipe once more. Who has a copy of a descriptor can change whether reading from it
// waits, for all who have one: function code could make the host wait for ever.
func reopen(fd int) (int, error) {
	return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
}

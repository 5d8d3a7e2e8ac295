package eventloop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of a socket that never wait need not be announced to Go's scheduler, which takes as long as the
// shortest of them.

// receive is recv(2) on a socket that does not block.
func receive(fd int, p []byte) (int, error) {
	return result(unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0))
}

// send is send(2) on a socket that does not block.
func send(fd int, p []byte) (int, error) {
	return result(unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0))
}

func result(n, _ uintptr, err unix.Errno) (int, error) {
	if err != 0 {
		return -1, err
	}
	return int(n), nil
}

package node

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// outletName is the socket inside the sandbox's folder for it.
const outletName = "out"

// openOutlet makes the way out of a process that is about to start: a folder with a socket, to be mounted.
func (l *launcher) openOutlet() (folder string, out *outlet, err error) {
	folder, err = os.MkdirTemp(l.outlets, "p")
	if err != nil {
		return "", nil, fmt.Errorf("make the way out: %w", err)
	}
	defer func() {
		if err != nil {
			os.RemoveAll(folder)
		}
	}()
	dir, err := os.Open(folder)
	if err != nil {
		return "", nil, fmt.Errorf("make the way out: %w", err)
	}
	defer dir.Close()
	// The path of a socket is short by law; that of the folder need not be.
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), outletName)})
	if err != nil {
		return "", nil, fmt.Errorf("make the way out: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	// The folder above belongs to the host alone; inside the sandbox this is all there is to see.
	if err = os.Chmod(folder, 0o755); err == nil {
		err = os.Chmod(filepath.Join(folder, outletName), 0o666)
	}
	if err != nil {
		listener.Close()
		return "", nil, fmt.Errorf("make the way out: %w", err)
	}
	return folder, newOutlet(l.egress, listener), nil
}

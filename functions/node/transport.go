package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"
)

// transport is the way by which a process reaches its host.
type transport struct {
	conn    func() (net.Conn, error) // the host's end; waits for the process where it has to connect
	started func()                   // to be called once the process has been started
	close   func()
}

// openTransport prepares the connection of a process that is about to start: an open socket that it inherits where the
// system allows that, else a loopback port that takes one connection.
func openTransport(portable bool, cmd *exec.Cmd, b *boot) (*transport, error) {
	if !portable {
		host, file, err := socketPair()
		if err == nil {
			cmd.ExtraFiles = append(cmd.ExtraFiles, file)
			b.FD = 2 + len(cmd.ExtraFiles)
			return inherited(host, file), nil
		}
		if !errors.Is(err, errors.ErrUnsupported) {
			return nil, fmt.Errorf("make a socket pair: %w", err)
		}
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("listen for the process: %w", err)
	}
	b.Port = listener.Addr().(*net.TCPAddr).Port
	return &transport{
		conn: func() (net.Conn, error) {
			listener.SetDeadline(time.Now().Add(bootLimit))
			conn, err := listener.AcceptTCP()
			if err != nil {
				return nil, err
			}
			listener.Close()
			return conn, conn.SetNoDelay(true)
		},
		started: func() {},
		close:   func() { listener.Close() },
	}, nil
}

func inherited(host net.Conn, file *os.File) *transport {
	return &transport{
		conn:    func() (net.Conn, error) { return host, nil },
		started: func() { file.Close() },
		close:   func() { host.Close() },
	}
}

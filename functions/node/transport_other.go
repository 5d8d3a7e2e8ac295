//go:build !unix

package node

import (
	"errors"
	"net"
	"os"
)

// socketPair does not exist here: processes connect to a loopback port.
func socketPair() (net.Conn, *os.File, error) { return nil, nil, errors.ErrUnsupported }

//go:build !unix

package live

import "net"

type first struct{}

// canAwait reports whether it is possible to wait for a connection without reading from it.
func canAwait(net.Conn) bool { return false }

// await reads, with all that it takes.
func (s *Socket) await() { s.serve(nil) }

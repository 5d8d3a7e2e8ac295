package live

import (
	"bufio"
	"net"
	"net/http"
)

// Buffers of a socket. Those of the HTTP server, 4 KiB each way, would be most of what an idle client costs.
const (
	readBuffer  = 512
	writeBuffer = 2048
)

// slimWriter gives its connection away with small buffers.
type slimWriter struct{ http.ResponseWriter }

// Hijack takes the connection from the HTTP server.
func (w slimWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil || buffers.Reader.Buffered() > 0 { // a client that did not wait for the answer
		return conn, buffers, err
	}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, readBuffer), bufio.NewWriterSize(conn, writeBuffer)), nil
}

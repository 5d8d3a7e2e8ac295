package node_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// mailServer is a mail server that can go over to TLS, and nothing more.
func mailServer(t *testing.T, certificate tls.Certificate) int {
	t.Helper()
	return serve(t, func(c net.Conn) {
		io.WriteString(c, "220 ready\r\n")
		in := bufio.NewReader(c)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); verb {
			case "EHLO":
				io.WriteString(c, "250 hello\r\n")
			case "STARTTLS":
				io.WriteString(c, "220 go ahead\r\n")
				secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}})
				defer secure.Close()
				c, in = secure, bufio.NewReader(secure)
			case "QUIT":
				io.WriteString(c, "221 bye\r\n")
				return
			default:
				io.WriteString(c, "500 what\r\n")
			}
		}
	})
}

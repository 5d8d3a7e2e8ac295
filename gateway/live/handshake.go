package live

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // what the WebSocket protocol asks for; nothing is secured by it
	"encoding/base64"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"yunduo"
)

// acceptKey is what RFC 6455, section 1.3, appends to the client's key.
const acceptKey = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// handshake makes a WebSocket of a request. rest is what the client sent before it had the answer. subprotocols are
// those that the server knows. Reasons: invalid_request.
func handshake(w http.ResponseWriter, r *http.Request, subprotocols []string) (conn net.Conn, rest []byte, err error) {
	h := r.Header
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1),
		!httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade"), !httpguts.HeaderValuesContainsToken(h["Upgrade"], "websocket"):
		return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "this address is for WebSockets: connect with ws:// or wss://")
	case h.Get("Sec-Websocket-Version") != "13":
		return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "Sec-WebSocket-Version: there is only 13")
	}
	key := strings.TrimSpace(h.Get("Sec-Websocket-Key"))
	if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 {
		return nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "Sec-WebSocket-Key: not 16 bytes as base64")
	}
	sum := sha1.Sum([]byte(key + acceptKey)) //nolint:gosec // see above
	answer := w.Header()
	answer.Set("Upgrade", "websocket")
	answer.Set("Connection", "Upgrade")
	answer.Set("Sec-Websocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	for _, known := range subprotocols {
		if httpguts.HeaderValuesContainsToken(h["Sec-Websocket-Protocol"], known) {
			answer.Set("Sec-Websocket-Protocol", known)
			break
		}
	}
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, buffers, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffers.Reader.Buffered(); n > 0 {
		early, _ := buffers.Reader.Peek(n) // as many as there are
		rest = bytes.Clone(early)
	}
	return plain(conn), rest, nil
}

// plain returns the connection below one that was handed to the HTTP server, so that it can be waited for.
func plain(conn net.Conn) net.Conn {
	if handed, ok := conn.(interface{ Plain() net.Conn }); ok {
		return handed.Plain()
	}
	return conn
}

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// notice is one message of a feed.
type notice struct {
	kind kind
	data []byte // valid until the feed takes more
}

type kind int

const (
	other    kind = iota
	greeting      // the first message: what is watched is to be told now
	begun         // changes are delivered from now on
	change
	answer // data is to be sent back
)

// feed reads what a server sends to a subscriber.
type feed interface {
	// take hands on the whole messages at the start of text and returns how much of it they are.
	take(text []byte, on func(notice) error) (int, error)
}

// webSocket reads messages of Yunduo's watch. It is no general client: messages come in one frame each.
type webSocket struct{ open bool }

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

func (w *webSocket) take(text []byte, on func(notice) error) (int, error) {
	used := 0
	if !w.open {
		head, _, ok := bytes.Cut(text, []byte("\r\n\r\n"))
		if !ok {
			return 0, nil
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
			return 0, fmt.Errorf("no WebSocket: %.500s", text)
		}
		w.open = true
		used = len(head) + 4
	}
	for {
		op, payload, size, err := readFrame(text[used:])
		if err != nil || size == 0 {
			return used, err
		}
		used += size
		e := notice{data: payload}
		switch {
		case op == opPing:
			e = notice{kind: answer, data: frame(opPong, payload)}
		case op == opClose:
			return used, fmt.Errorf("the server closed the watch: %q", payload)
		case op != opText:
		case bytes.HasPrefix(payload, []byte(`{"type":"changes"`)):
			e.kind = change
		case bytes.HasPrefix(payload, []byte(`{"type":"snapshot"`)):
			e.kind = begun
		case bytes.HasPrefix(payload, []byte(`{"type":"ready"`)):
			e.kind = greeting
		case bytes.HasPrefix(payload, []byte(`{"type":"error"`)):
			return used, fmt.Errorf("the watch was refused: %.500s", payload)
		}
		if err := on(e); err != nil {
			return used, err
		}
	}
}

// readFrame reads a frame from a server; size is 0 while it is not whole.
func readFrame(text []byte) (op byte, payload []byte, size int, err error) {
	if len(text) < 2 {
		return 0, nil, 0, nil
	}
	if text[0]&0xf0 != 0x80 || text[1]&0x80 != 0 {
		return 0, nil, 0, fmt.Errorf("a frame of a kind that was not agreed: % x", text[:2])
	}
	length, head := uint64(text[1]), 2
	switch length {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if len(text) < head {
		return 0, nil, 0, nil
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(text[2:]))
	case 127:
		length = binary.BigEndian.Uint64(text[2:])
	}
	if length > 64<<20 {
		return 0, nil, 0, fmt.Errorf("a frame of %d bytes", length)
	}
	if uint64(len(text)-head) < length {
		return 0, nil, 0, nil
	}
	size = head + int(length)
	return text[0] & 0x0f, text[head:size], size, nil
}

// frame returns a client's frame. Its mask is zero: masks protect proxies from pages, and there are neither.
func frame(op byte, payload []byte) []byte {
	text := []byte{0x80 | op}
	if len(payload) < 126 {
		text = append(text, 0x80|byte(len(payload)))
	} else {
		text = binary.BigEndian.AppendUint16(append(text, 0x80|126), uint16(len(payload)))
	}
	return append(append(text, 0, 0, 0, 0), payload...)
}

// serverEvents reads PocketBase's realtime: server-sent events in chunks.
type serverEvents struct {
	open, greeted bool
	text          []byte // without the chunks' heads, from the first notice that is not whole on
}

func (s *serverEvents) take(text []byte, on func(notice) error) (int, error) {
	used := 0
	if !s.open {
		head, _, ok := bytes.Cut(text, []byte("\r\n\r\n"))
		if !ok {
			return 0, nil
		}
		_, chunked, err := bodyOf(head)
		if err != nil || !chunked || !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
			return 0, errors.Join(err, fmt.Errorf("no stream: %.500s", text))
		}
		s.open = true
		used = len(head) + 4
	}
	for {
		line, rest, ok := bytes.Cut(text[used:], []byte("\r\n"))
		if !ok {
			break
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil || size == 0 {
			return used, fmt.Errorf("the stream has ended: %.100q", line)
		}
		if len(rest) < int(size)+2 {
			break
		}
		s.text = append(s.text, rest[:size]...)
		used += len(line) + 2 + int(size) + 2
	}
	for {
		block, rest, ok := bytes.Cut(s.text, []byte("\n\n"))
		if !ok {
			return used, nil
		}
		if err := on(s.event(block)); err != nil {
			return used, err
		}
		s.text = append(s.text[:0], rest...)
	}
}

func (s *serverEvents) event(block []byte) notice {
	var name, data []byte
	for line := range bytes.SplitSeq(block, []byte("\n")) {
		field, value, _ := bytes.Cut(line, []byte(":"))
		switch string(field) {
		case "event":
			name = bytes.TrimSpace(value)
		case "data":
			data = bytes.TrimSpace(value)
		}
	}
	switch {
	case string(name) == "PB_CONNECT":
		return notice{greeting, data}
	case bytes.HasPrefix(name, []byte("room")):
		return notice{change, data}
	}
	return notice{other, data}
}

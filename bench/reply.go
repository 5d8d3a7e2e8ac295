package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// reply returns the body of a reply that is complete in text; done is false while more has to come. Any status but 200
// is an error.
func reply(text []byte) (body []byte, done bool, err error) {
	head, rest, ok := bytes.Cut(text, []byte("\r\n\r\n"))
	if !ok {
		return nil, false, nil
	}
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return nil, false, fmt.Errorf("no HTTP reply: %.100q", head)
	}
	length, chunked, err := bodyOf(head)
	if err != nil {
		return nil, false, err
	}
	switch {
	case chunked:
		if body, done, err = unchunk(rest); !done || err != nil {
			return nil, false, err
		}
	case len(rest) < length:
		return nil, false, nil
	default:
		body = rest[:length]
	}
	if string(head[9:12]) != "200" {
		line, _, _ := bytes.Cut(head, []byte("\r\n"))
		return nil, false, fmt.Errorf("status %s: %.300s", line[9:], body)
	}
	return body, true, nil
}

// bodyOf tells from the headers how the end of a body shows.
func bodyOf(head []byte) (length int, chunked bool, err error) {
	length = -1
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 {
				return 0, false, fmt.Errorf("length of the reply: %q", value)
			}
		case len(name) == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if length < 0 && !chunked {
		return 0, false, errors.New("the reply has no length")
	}
	return length, chunked, nil
}

// unchunk joins chunks; done is false while the last one has not come.
func unchunk(text []byte) (body []byte, done bool, err error) {
	for {
		line, rest, ok := bytes.Cut(text, []byte("\r\n"))
		if !ok {
			return nil, false, nil
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return nil, false, fmt.Errorf("size of a chunk: %w", err)
		}
		if len(rest) < int(size)+2 {
			return nil, false, nil
		}
		if size == 0 {
			return body, true, nil
		}
		body, text = append(body, rest[:size]...), rest[size+2:]
	}
}

package node

import "testing"

func TestTail_Plain(t *testing.T) {
	var said tail
	_, _ = said.Write([]byte("FATAL ERROR: heap out of memory\n----- Native stack trace -----\n\n 1: 0xb78db3 node::OOMErrorHandler(char const*) [node]\n16: 0x195e476  [node]\n----- JavaScript stack trace -----\n1: main (index.js:3:1)\n"))
	if got, want := said.plain(), "FATAL ERROR: heap out of memory\n----- Native stack trace -----\n\n----- JavaScript stack trace -----\n1: main (index.js:3:1)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

package node_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	"yunduo/functions/node"
)

// FuzzFrames reads what a hostile process may send: it must end as an error or as frames, without large allocations
// for small input.
func FuzzFrames(f *testing.F) {
	f.Add(node.AppendFrame(nil, 10, 1, []byte(`{"a":1}`)))
	f.Add(node.AppendFrame(nil, 13, 1, []byte("\x01\x00\x00\x00\x01\x00x\x02\x00\x00\x00{}bytes")))
	f.Add(node.AppendFrame(nil, 13, 1, []byte("\x01\x00\x00\x00\xff\xffx\xff\xff\xff\xff{}")))
	f.Add(node.AppendFrame(nil, 8, 1, nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 10, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReader(bytes.NewReader(data))
		for {
			if err := node.ReadFrame(in); err != nil {
				return
			}
		}
	})
}

func TestFrameLimits(t *testing.T) {
	for name, c := range map[string]struct {
		frame []byte
		ok    bool
	}{
		"result":               {node.AppendFrame(nil, 10, 1, make([]byte, 6<<20)), true},
		"result too large":     {node.AppendFrame(nil, 10, 1, make([]byte, 6<<20+1)), false},
		"done with a payload":  {node.AppendFrame(nil, 12, 1, []byte("x")), false},
		"load from a process":  {node.AppendFrame(nil, 2, 0, nil), false},
		"unknown type":         {node.AppendFrame(nil, 200, 0, nil), false},
		"call without content": {node.AppendFrame(nil, 13, 1, make([]byte, 9)), false},
		"cut short":            {node.AppendFrame(nil, 10, 1, make([]byte, 10))[:15], false},
	} {
		err := node.ReadFrame(bufio.NewReader(bytes.NewReader(c.frame)))
		if (err == nil) != c.ok || errors.Is(err, io.EOF) && c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package node

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// tail keeps the end of what a process writes to its standard error: where V8 says why it gave up.
type tail struct {
	mu     sync.Mutex
	text   []byte
	more   chan struct{} // set while somebody listens
	answer []byte        // what has come since then
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-tailSize):]...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	if t.more != nil {
		t.answer = append(t.answer, p[:min(len(p), traceBytes-len(t.answer))]...)
		select {
		case t.more <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// nativeFrame is a line of the stack that Node.js prints when it aborts: addresses within itself, of no use to anybody
// who reads a server's log.
var nativeFrame = regexp.MustCompile(`(?m)^ *\d+: 0x[0-9a-f]+ .*\n?`)

// plain is the text without Node.js's own stack.
func (t *tail) plain() string {
	return strings.TrimSpace(nativeFrame.ReplaceAllString(t.String(), ""))
}

// listen returns what tells that something has been written from now on; heard returns it.
func (t *tail) listen() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.more, t.answer = make(chan struct{}, 1), nil
	return t.more
}

func (t *tail) heard() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.answer)
}

func (t *tail) outOfMemory() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, mark := range []string{"heap out of memory", "Allocation failed", "out of memory", "Cannot allocate memory"} {
		if bytes.Contains(t.text, []byte(mark)) {
			return true
		}
	}
	return false
}

// String returns the last lines, for the log.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.ToValidUTF8(string(t.text), "?")
}

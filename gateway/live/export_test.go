package live

import (
	"bytes"
	"runtime"
	"time"
)

// SetPatience makes sockets cut clients off sooner that take nothing.
func (s *Sockets) SetPatience(d time.Duration) { s.writeTime = d }

// Messages returns the messages and control frames in what a client sent, until something is wrong with it or it ends.
func Messages(sent []byte) (kinds []byte, texts [][]byte, err error) {
	in := newInput(bytes.NewReader(sent))
	defer in.release()
	for {
		f, err := in.next()
		if err != nil {
			return kinds, texts, err
		}
		kinds, texts = append(kinds, byte(f.kind)), append(texts, f.payload)
	}
}

// AwaitEnd returns when the socket is being closed.
func (s *Socket) AwaitEnd() {
	for !s.isEnding() {
		runtime.Gosched()
	}
}

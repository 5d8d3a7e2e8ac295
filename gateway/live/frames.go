package live

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"yunduo"
)

// Buffers are shared by all sockets: one has some only while it reads or writes.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}
	frames  = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

const (
	chunk    = 16 << 10 // bytes by which a message grows while it arrives
	together = 16 << 10 // bytes of a message up to which it is written together with its header
)

// input is what is being read from a client.
type input struct {
	*bufio.Reader
	text []byte    // of a message in several frames, so far
	kind ws.OpCode // of that message
	open bool      // such a message has begun
	skip int64     // bytes of a frame that was too long
	lost bool      // where the next frame begins is not known
}

func newInput(from io.Reader) *input {
	r, _ := readers.Get().(*bufio.Reader)
	r.Reset(from)
	return &input{Reader: r}
}

func (i *input) release() {
	i.Reset(nil)
	readers.Put(i.Reader)
}

// idle reports whether nothing of the next message has come yet.
func (i *input) idle() bool { return i.Buffered() == 0 && i.skip == 0 && !i.open }

// errTooLong is a message beyond MaxMessage.
var errTooLong = yunduo.Errorf(yunduo.ReasonBodyTooLarge, "a message has at most %d KiB", MaxMessage>>10)

// frame is a control frame or the last frame of a message.
type frame struct {
	kind    ws.OpCode
	payload []byte // unmasked; of the whole message
}

// next returns the next control frame or whole message. An error of a reason is the client's fault, others are of the
// connection.
func (i *input) next() (frame, error) {
	for {
		if _, err := io.CopyN(io.Discard, i, i.skip); err != nil {
			return frame{}, err
		}
		i.skip = 0
		h, err := ws.ReadHeader(i)
		if err != nil && !errors.Is(err, ws.ErrHeaderLengthMSB) {
			return frame{}, err
		}
		state := ws.StateServerSide
		if i.open {
			state = state.Set(ws.StateFragmented)
		}
		if err == nil {
			err = ws.CheckHeader(h, state)
		}
		if err != nil {
			i.lost = true
			return frame{}, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "this is not WebSocket: %s", err.Error())
		}
		if h.OpCode.IsControl() {
			payload, err := i.payload(nil, h)
			return frame{h.OpCode, payload}, err
		}
		if h.OpCode != ws.OpContinuation {
			i.kind = h.OpCode
		}
		if h.Length > int64(MaxMessage-len(i.text)) {
			i.text, i.open, i.skip = nil, !h.Fin, h.Length
			return frame{}, errTooLong
		}
		if i.text, err = i.payload(i.text, h); err != nil {
			return frame{}, err
		}
		if i.open = !h.Fin; i.open {
			continue
		}
		whole := frame{i.kind, i.text}
		i.text = nil
		if whole.kind != ws.OpText || !utf8.Valid(whole.payload) {
			return frame{}, yunduo.Errorf(yunduo.ReasonMalformedJSON, "messages are text")
		}
		return whole, nil
	}
}

// payload appends a frame's payload. No more is allocated than a little more than has come.
func (i *input) payload(text []byte, h ws.Header) ([]byte, error) {
	for read := 0; read < int(h.Length); {
		n := min(int(h.Length)-read, chunk)
		start := len(text)
		text = append(text, make([]byte, n)...)
		if _, err := io.ReadFull(i, text[start:]); err != nil {
			return text, err
		}
		ws.Cipher(text[start:], h.Mask, read)
		read += n
	}
	return text, nil
}

// send writes a frame and returns when the client has taken it.
func (s *Socket) send(f frame) error {
	b, _ := frames.Get().(*bytes.Buffer)
	defer frames.Put(b)
	b.Reset()
	if err := ws.WriteHeader(b, ws.Header{Fin: true, OpCode: f.kind, Length: int64(len(f.payload))}); err != nil {
		return err
	}
	if len(f.payload) <= together {
		b.Write(f.payload)
		return s.write(b.Bytes())
	}
	if err := s.write(b.Bytes()); err != nil {
		return err
	}
	return s.write(f.payload)
}

// write writes until the client has taken everything. One that takes nothing for long is cut off: it has a last while
// to take the rest of the frame and hear why.
func (s *Socket) write(text []byte) error {
	for {
		patience := s.all.writeTime
		if s.isEnding() {
			patience = farewellTime
		}
		if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		n, err := s.conn.Write(text)
		text = text[n:]
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded) || s.isEnding():
			return err
		case n == 0:
			s.all.options.Logger.Info("client cut off: it takes nothing", "request_id", s.request)
			s.End(yunduo.Errorf(yunduo.ReasonClientTooSlow, "nothing was taken for %s; connect again and resume", patience))
		}
	}
}

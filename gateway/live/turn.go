package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime/debug"
	"time"

	"github.com/gobwas/ws"

	"yunduo"
)

// serve reads what the client says until it says nothing, and then waits for more. A goroutine that reads has a large
// stack, so it does not wait itself.
func (s *Socket) serve(early []byte) {
	if s.read(early) {
		go s.await()
		return
	}
	s.close()
	s.all.work.Done()
}

// read takes messages until nothing more has come; false if the socket has ended. early is what was read before.
func (s *Socket) read(early []byte) (on bool) {
	defer s.survive()
	ctx, cancel := context.WithCancel(s.context())
	defer cancel()
	s.mu.Lock()
	s.turn, s.cancel = ctx, cancel
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.turn, s.cancel = nil, nil
		s.mu.Unlock()
	}()
	in := newInput(io.MultiReader(bytes.NewReader(early), s.conn))
	defer in.release()
	for {
		f, err := in.next()
		refused, isRefused := errors.AsType[*yunduo.Error](err)
		switch {
		case isRefused:
			s.End(refused)
		case err != nil || ctx.Err() != nil:
			return false
		default:
			s.take(ctx, f)
		}
		s.heard.Store(true)
		switch {
		case in.lost:
			_, _ = io.Copy(io.Discard, in) // so that the client can read why; it has some seconds
			return false
		case in.idle() && canAwait(s.conn):
			return true
		}
	}
}

// take does what a frame asks for.
func (s *Socket) take(ctx context.Context, f frame) {
	switch {
	case f.kind == ws.OpClose:
		s.leave(f.payload)
	case f.kind == ws.OpPing:
		s.reply(frame{ws.OpPong, f.payload})
	case f.kind == ws.OpPong, s.isEnding(): // what comes now is of no use
	default:
		if err := s.protocol.Receive(ctx, f.payload); err != nil {
			s.End(err)
		}
	}
}

// leave answers a client that goes.
func (s *Socket) leave(payload []byte) {
	code, reason := ws.ParseCloseFrameData(payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.left = true; {
	case s.said:
		_ = s.conn.Close()
	case !s.ending:
		s.ending = true
		if len(payload) > 0 {
			if ws.CheckCloseFrameData(code, reason) != nil {
				code = ws.StatusProtocolError
			}
			s.goodbye = ws.NewCloseFrameBody(code, "")
		}
		s.start()
	}
}

// survive keeps a panic to the one socket.
func (s *Socket) survive() {
	if p := recover(); p != nil {
		s.all.options.Logger.Error("socket panicked", "request_id", s.request, "panic", p, "stack", string(debug.Stack()))
		s.abort()
	}
}

// close releases what the socket has.
func (s *Socket) close() {
	s.abort()
	s.mu.Lock()
	s.gone = true
	s.timer.Stop()
	s.mu.Unlock()
	s.all.mu.Lock()
	delete(s.all.open, s)
	s.all.leaveSession(s)
	s.all.mu.Unlock()
	s.protocol.Closed()
}

// start makes sure that somebody writes. The caller holds mu.
func (s *Socket) start() {
	if !s.writing {
		s.writing = true
		go s.speak()
	}
}

// speak sends until there is nothing left: there is a writer only while there is something to write.
func (s *Socket) speak() {
	defer s.survive()
	for {
		s.mu.Lock()
		replies := s.replies
		s.replies = nil
		if s.room != nil {
			close(s.room)
			s.room = nil
		}
		var source Source
		switch {
		case len(replies) > 0:
		case s.ending:
			s.mu.Unlock()
			s.finish()
			return
		case len(s.ready) > 0:
			source, s.ready = s.ready[0], s.ready[1:]
		default:
			s.writing, s.ready = false, nil
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		if source != nil {
			for _, message := range source.Messages() {
				replies = append(replies, frame{ws.OpText, message})
			}
		}
		for _, f := range replies {
			if s.send(f) != nil {
				s.abort()
				return // and stay the writer: nothing can be written any more
			}
		}
	}
}

// finish says farewell. The reader ends when the client has answered, or does not.
func (s *Socket) finish() {
	closing := frame{ws.OpClose, s.goodbye}
	if s.farewell != nil {
		messages, code := s.protocol.Farewell(s.farewell)
		if s.farewell == errTooLong {
			code = ws.StatusMessageTooBig
		}
		for _, message := range messages {
			if s.send(frame{ws.OpText, message}) != nil {
				s.abort()
				return
			}
		}
		// The text of a close is what many clients log: one word, no detail.
		closing.payload = ws.NewCloseFrameBody(code, string(yunduo.ReasonOf(s.farewell)))
	}
	err := s.send(closing)
	s.mu.Lock()
	s.said = true
	left := s.left
	s.mu.Unlock()
	if err != nil || left {
		s.abort()
		return
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(goodbyeTime)) // one that fails has ended
}

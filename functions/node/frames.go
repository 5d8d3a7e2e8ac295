package node

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"yunduo"
	"yunduo/functions/runtime"
	"yunduo/internal/jsontext"
)

// What a process may have in flight to the host. Its own runner stays far below; who exceeds this is not our runner.
const (
	maxCallsInFlight = 512
	maxBytesInFlight = 48 << 20
)

// largeFrame is what takes long enough to be looked through to let others go on meanwhile.
const largeFrame = 128 << 10

// next takes one frame. An error ends the process.
func (p *process) next(in *bufio.Reader) error {
	h, err := readHeader(in)
	if err != nil {
		return err
	}
	payload, err := readPayload(in, h)
	if err != nil {
		return err
	}
	p.heard.Store(now())
	if len(payload) > largeFrame {
		p.leaveLoop()
	}
	o := p.owner.Load()
	if o == nil && h.kind == frameCache { // no code of strangers has run in it
		p.leaveLoop()
		p.rt.keepCompiled(payload)
		return nil
	}
	if o == nil {
		return fmt.Errorf("frame of type %d from a blank process", h.kind)
	}
	if p.probing.Swap(false) {
		o.sign()
	}
	switch h.kind {
	case frameResult:
		if len(payload) == 0 || !utf8.Valid(payload) || !jsontext.Valid(payload) {
			return fmt.Errorf("result of %d bytes that is not JSON", len(payload))
		}
		if !p.answer(h.id, outcome{result: payload}, h.flags&flagLinger != 0) {
			return fmt.Errorf("unexpected result for invocation %d", h.id)
		}
	case frameError:
		return p.failed(o, h, payload)
	case frameDone:
		p.quiet(h.id)
	case frameDropped:
		return p.dropped(h.id)
	case frameCall:
		return p.call(h, payload)
	case frameLog:
		return p.print(h, payload)
	case frameInspect:
		if p.rt.opts.Inspect != nil && o.loaded == nil {
			o.looked(string(payload))
		}
	case frameCache:
		if h.flags&flagRunner == 0 { // else it was on its way when the process got its function
			o.cache(payload)
		}
	case frameLoaded:
		if o.loaded != nil {
			select {
			case o.loaded <- loadReply{report: payload}:
			default:
			}
		}
	case frameData, frameEnd, frameWindow:
		return p.stream(h, payload)
	case framePong:
	default:
		return fmt.Errorf("unexpected frame of type %d", h.kind)
	}
	return nil
}

// failed takes an error frame. One without an invocation and without a known culprit fails all that run.
func (p *process) failed(o *owner, h frameHeader, payload []byte) error {
	var e struct{ Reason, Message, Stack string }
	if err := json.Unmarshal(payload, &e); err != nil {
		return fmt.Errorf("error frame: %w", err)
	}
	failure := &yunduo.Error{Reason: yunduo.ReasonFunctionError, Message: e.Message, Stack: e.Stack}
	switch reason := yunduo.Reason(e.Reason); reason {
	case yunduo.ReasonFunctionLoadFailed, yunduo.ReasonFunctionResultTooLarge:
		failure.Reason = reason
	}
	if o.loaded != nil {
		select {
		case o.loaded <- loadReply{err: failure}:
		default:
		}
		return nil
	}
	if h.flags&flagFatal != 0 {
		p.mu.Lock()
		p.retired = true
		p.mu.Unlock()
		o.leaves(p)
	}
	if h.id != 0 {
		if !p.answer(h.id, outcome{err: failure}, h.flags&flagLinger != 0) {
			return fmt.Errorf("unexpected error for invocation %d", h.id)
		}
		return nil
	}
	p.mu.Lock()
	idle := p.busy == 0
	p.mu.Unlock()
	if idle {
		p.kill(errRetired)
	}
	return nil
}

// call runs an operation for an invocation.
func (p *process) call(h frameHeader, payload []byte) error {
	c, err := parseCall(payload)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.inFlight++
	p.inBytes += len(payload)
	over := p.inFlight > maxCallsInFlight || p.inBytes > maxBytesInFlight
	r := p.runs[c.invocation]
	p.mu.Unlock()
	if over {
		return errors.New("too many calls at the same time")
	}
	p.calls.Go(func() {
		defer func() {
			p.mu.Lock()
			p.inFlight--
			p.inBytes -= len(payload)
			p.mu.Unlock()
		}()
		if r == nil {
			p.replyError(h.id, yunduo.Errorf(yunduo.ReasonCanceled, "%s: the invocation is over", c.operation))
			return
		}
		if !jsontext.Valid(c.request) {
			p.replyError(h.id, yunduo.Errorf(yunduo.ReasonMalformedJSON, "%s: the request is not valid JSON", c.operation))
			return
		}
		if r.invocation.Host == nil {
			p.replyError(h.id, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "%s: there is no platform to call here", c.operation))
			return
		}
		ctx := r.callContext()
		end, err := p.answers.begin(ctx, c.operation)
		if err != nil {
			p.replyError(h.id, yunduo.AsError(err))
			return
		}
		response, attachment, err := r.invocation.Host.Call(ctx, r.invocation, c.operation, c.request, c.attachment)
		size := len(response) + len(attachment)
		p.answers.expect(size)
		defer end()
		if err != nil {
			p.replyError(h.id, yunduo.AsError(err))
			return
		}
		if len(response) == 0 {
			response = json.RawMessage("null")
		}
		p.reply(h.id, 0, response, attachment)
	})
	return nil
}

func (p *process) reply(id uint32, flags uint8, response, attachment []byte) {
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(response)))
	p.out.send(frameReply, flags, 0, id, size[:], response, attachment)
}

func (p *process) replyError(id uint32, e *yunduo.Error) {
	if e.Cause != nil {
		p.rt.log.Debug("call of function code failed", "reason", e.Reason, "error", e.Error())
	}
	text, err := json.Marshal(map[string]any{
		"reason": e.Reason, "code": e.Code(), "message": e.Message, "errCode": e.Reason.ErrCode(), "retryable": e.Retryable(),
	})
	if err != nil {
		text = []byte(`{"reason":"internal","message":"something went wrong on the server"}`)
	}
	p.reply(id, flagFailed, text, nil)
}

var levels = [...]string{"debug", "info", "warn", "error"}

// print takes a log line: f64 milliseconds, text.
func (p *process) print(h frameHeader, payload []byte) error {
	if len(payload) < 8 {
		return errors.New("log frame without a time")
	}
	p.logs.take(len(payload), p.gone, p.leaveLoop)
	p.mu.Lock()
	r := p.runs[h.id]
	if r == nil && len(p.late) > 0 {
		r = p.late[len(p.late)-1]
	}
	p.mu.Unlock()
	if r == nil || r.invocation.Log == nil {
		return nil
	}
	level := levels[min(int(h.flags&^flagFields), len(levels)-1)]
	at := time.Now()
	if ms := math.Float64frombits(binary.LittleEndian.Uint64(payload)); math.Abs(ms-float64(at.UnixMilli())) < 60_000 {
		at = time.UnixMilli(int64(ms))
	}
	line := runtime.LogLine{Time: at, Level: level}
	text := payload[8:]
	if h.flags&flagFields != 0 {
		if len(text) < 4 || uint64(binary.LittleEndian.Uint32(text)) > uint64(len(text)-4) {
			return errors.New("log frame with fields that are longer than it")
		}
		end := 4 + binary.LittleEndian.Uint32(text)
		line.Fields, text = fieldsIn(text[4:end]), text[end:]
	}
	line.Message = string(text)
	r.invocation.Log(line)
	return nil
}

// maxFields is how many bytes of fields a line may have. Our runner sends less, in any script.
const maxFields = 32 << 10

// fieldsIn returns the fields that a process sent, nil if they are no JSON object or too large.
func fieldsIn(sent []byte) json.RawMessage {
	if len(sent) > maxFields || len(sent) == 0 || sent[0] != '{' || !json.Valid(sent) {
		return nil
	}
	return bytes.Clone(sent)
}

// logBudget slows down a process that prints too fast: nothing is read from it until its next second begins. Our
// runner stays below; only code that writes frames by itself gets here.
type logBudget struct {
	since time.Time
	lines int
	bytes int
}

const (
	logLinesPerSecond = 4000
	logBytesPerSecond = 4 << 20
)

func (b *logBudget) take(size int, gone <-chan struct{}, before func()) {
	at := time.Now()
	if at.Sub(b.since) >= time.Second {
		*b = logBudget{since: at}
	}
	b.lines++
	b.bytes += size
	if b.lines <= logLinesPerSecond && b.bytes <= logBytesPerSecond {
		return
	}
	before()
	timer := time.NewTimer(b.since.Add(time.Second).Sub(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-gone:
	}
}

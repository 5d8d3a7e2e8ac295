package functions

import (
	"sync"
	"time"
	"unicode/utf8"

	"yunduo"
	"yunduo/functions/runtime"
)

const (
	maxLines     = 1000     // lines kept of one invocation
	maxLineBytes = 16 << 10 // of one line
	maxLogBytes  = 256 << 10
)

// epoch is where the clock begins on which invocations are timed: it only goes forward.
var epoch = time.Now()

func elapsed() time.Duration { return time.Since(epoch) }

// recording gathers what one invocation prints and how it ends. Every invocation pays for its size.
type recording struct {
	service    *Service
	invocation *runtime.Invocation
	program    *program
	started    time.Time
	begun      time.Duration // the same, since epoch
	gateway    time.Duration // before that, since the request came

	mu     sync.Mutex
	lines  []runtime.LogLine
	trace  *Trace  // made when there is something to say
	taping *taping // nil unless the call is recorded
	count  int
	bytes  int
	end    ending
	ended  bool // end is set
	kept   bool // the record was handed to the writer
}

func (r *recording) app() yunduo.AppID { return r.invocation.Caller.App }

func (r *recording) function() string { return r.invocation.Caller.Function }

// line takes what the code prints, also after the reply.
func (r *recording) line(l runtime.LogLine) {
	l.Message, l.Fields = cut(r.program.hide(l.Message), maxLineBytes), r.program.hideFields(l.Fields)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.bytes += len(l.Message) + len(l.Fields)
	full := r.count > maxLines || r.bytes > maxLogBytes
	if full && r.count > maxLines+1 {
		return
	}
	if full {
		r.count = maxLines + 1
		l = runtime.LogLine{Time: l.Time, Level: "warn", Message: "further output of this invocation is left out"}
	}
	r.service.feed.publish(r.app(), Entry{Function: r.function(), InvocationID: r.invocation.ID, Line: &l})
	if !r.ended {
		r.lines = append(r.lines, l)
		return
	}
	export := r.service.options.ExportLate
	if r.kept && export == nil {
		r.service.logs.add(logEntry{id: logID(r.app(), r.invocation.ID), line: lineRecord(l)})
		return
	}
	late := r.record()
	late.Lines = []runtime.LogLine{l}
	if export != nil {
		export(late)
	}
	if r.kept {
		r.service.logs.add(logEntry{id: logID(r.app(), r.invocation.ID), line: lineRecord(l)})
		return
	}
	record := newLogRecord(late) // it seemed not worth keeping until now
	r.kept = r.service.logs.add(logEntry{record: &record})
}

// ending is how an invocation ended.
type ending struct {
	took   time.Duration
	queued time.Duration // of it, until a process took it
	ran    time.Duration // of it, in the process
	cold   bool
	err    *yunduo.Error // nil for success
}

func (e *ending) reason() yunduo.Reason {
	if e.err == nil {
		return ""
	}
	return e.err.Reason
}

// record is what is kept of the invocation. r.mu is held.
func (r *recording) record() *Invocation {
	i := &Invocation{
		ID: r.invocation.ID, App: r.app(), Function: r.function(), Version: r.program.number, Source: r.invocation.Source, RequestID: r.invocation.RequestID,
		StartedAt: r.started, Duration: r.end.took, Cold: r.end.cold, Lines: r.lines,
	}
	if r.trace != nil {
		i.Trace = *r.trace
	}
	i.Trace.Gateway, i.Trace.Queue, i.Trace.Run = r.gateway, r.end.queued, r.end.ran
	if i.User = r.invocation.Caller.OpenID; i.User == "" {
		i.User = r.invocation.Caller.UserID
	}
	if e := r.end.err; e != nil {
		i.Reason, i.Message, i.Stack = e.Reason, cut(e.Message, maxLineBytes), cut(e.Stack, maxLineBytes)
	}
	return i
}

// printed returns what the code has printed before its reply.
func (r *recording) printed() []runtime.LogLine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

// finish takes how the invocation ended.
func (r *recording) finish(p *program, took time.Duration, result runtime.Result, err error) {
	end := ending{took: took, queued: result.Queued, ran: result.Duration, cold: result.Cold}
	if err != nil {
		end.err = yunduo.AsError(err)
	}
	if p.official {
		r.service.networked.Delete(r.invocation.ID)
	}
	quiet := p.figures.add(r.started, &end)
	if m := p.measure.Load(); m != nil {
		m.add(took, err != nil)
	}
	r.mu.Lock()
	r.end, r.ended = end, true
	if keep, watched := !quiet || len(r.lines) > 0, r.service.feed.watched.Load() > 0; keep || watched { // most are neither
		i := r.record()
		if r.kept = keep; keep {
			record := newLogRecord(i)
			r.kept = r.service.logs.add(logEntry{record: &record})
		}
		r.service.feed.publish(r.app(), Entry{Function: r.function(), InvocationID: i.ID, Ended: i})
		if export := r.service.options.Export; export != nil && keep {
			export(i)
		}
	}
	r.mu.Unlock()
	if observe := r.service.options.Observe; observe != nil {
		observe(Observation{App: r.app(), Function: r.function(), Source: r.invocation.Source, Reason: end.reason(), Duration: took, Cold: end.cold})
	}
}

// cut shortens a text to a number of bytes, between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

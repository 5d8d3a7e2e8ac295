package functions

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"yunduo"
)

// maxSpans is how many calls of one invocation are kept; beyond, the quickest that succeeded are left out.
const maxSpans = 200

// maxName is how many bytes are kept of what an operation and its target are called.
const maxName = 128

// Trace tells where the time of an invocation went.
type Trace struct {
	Gateway time.Duration // from the request's arrival until the invocation began
	Queue   time.Duration // from there until a process took it
	Run     time.Duration // in the process
	Calls   []Span        // of the platform, by the code, in the order in which they ended
	Omitted int           // calls that are not listed
	// Parent is the invocation whose call this one is; empty for none.
	Parent string
	// Remote is the caller's place in its own trace, W3C's traceparent; empty for none.
	Remote string
}

// Span is one call of the platform by running code.
type Span struct {
	ID        string // 16 hexadecimal digits, for calls that others refer to
	Operation string
	Target    string        // collection or function, as far as it is known
	Plans     []Plan        // how documents were found, as far as the engine tells
	Start     time.Duration // since the invocation began
	Took      time.Duration
	Reason    yunduo.Reason // why it failed; empty for success
	Child     string        // the invocation that it made; empty for none
}

// Plan is how documents of a collection were found: by an index, by "_id", or by reading all (an empty index).
type Plan struct {
	Collection string `bson:"collection"`
	Index      string `bson:"index"`
}

// traceRecord is a Trace as it is stored.
type traceRecord struct {
	GatewayUS int64        `bson:"gatewayUs,omitempty"`
	QueueUS   int64        `bson:"queueUs"`
	RunUS     int64        `bson:"runUs"`
	Calls     []spanRecord `bson:"calls,omitempty"`
	Omitted   int          `bson:"omitted,omitempty"`
	Parent    string       `bson:"parent,omitempty"`
	Remote    string       `bson:"remote,omitempty"`
}

type spanRecord struct {
	ID        string        `bson:"id,omitempty"`
	Operation string        `bson:"operation"`
	Target    string        `bson:"target,omitempty"`
	Plans     []Plan        `bson:"plans,omitempty"`
	StartUS   int64         `bson:"startUs"`
	TookUS    int64         `bson:"tookUs"`
	Reason    yunduo.Reason `bson:"reason,omitempty"`
	Child     string        `bson:"child,omitempty"`
}

func newTraceRecord(t *Trace) *traceRecord {
	r := &traceRecord{
		GatewayUS: t.Gateway.Microseconds(), QueueUS: t.Queue.Microseconds(), RunUS: t.Run.Microseconds(), Omitted: t.Omitted, Parent: t.Parent, Remote: t.Remote,
	}
	for _, s := range t.Calls {
		r.Calls = append(r.Calls, spanRecord{
			ID: s.ID, Operation: s.Operation, Target: s.Target, Plans: s.Plans, StartUS: s.Start.Microseconds(), TookUS: s.Took.Microseconds(), Reason: s.Reason, Child: s.Child,
		})
	}
	return r
}

func (r *traceRecord) trace() Trace {
	if r == nil { // of an older version of this program
		return Trace{}
	}
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	t := Trace{Gateway: us(r.GatewayUS), Queue: us(r.QueueUS), Run: us(r.RunUS), Omitted: r.Omitted, Parent: r.Parent, Remote: r.Remote}
	for _, s := range r.Calls {
		t.Calls = append(t.Calls, Span{
			ID: s.ID, Operation: s.Operation, Target: s.Target, Plans: s.Plans, Start: us(s.StartUS), Took: us(s.TookUS), Reason: s.Reason, Child: s.Child,
		})
	}
	return t
}

// Find returns the record of one invocation; invocation_not_found if there is none, because it is too old, was one of too many
// that were quick and quiet, or never was.
func (s *Service) Find(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, invocation string) (Invocation, error) {
	if err := manage(caller, app); err != nil {
		return Invocation{}, err
	}
	s.logs.settle(ctx)
	record, err := s.logs.records.Get(ctx, logID(app, invocation))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return Invocation{}, yunduo.Errorf(yunduo.ReasonInvocationNotFound, "there is no record of the invocation %q: it is too old, or it was one of very many without output", invocation)
	}
	if err != nil {
		return Invocation{}, err
	}
	return record.invocation(), nil
}

// called keeps a span. Too many cost the quickest one.
func (r *recording) called(span Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return // the record is made
	}
	if r.trace == nil {
		r.trace = &Trace{}
	}
	t := r.trace
	if len(t.Calls) < maxSpans {
		t.Calls = append(t.Calls, span)
		return
	}
	t.Omitted++
	at := -1
	for i := range t.Calls {
		if t.Calls[i].Reason == "" && (at < 0 || t.Calls[i].Took < t.Calls[at].Took) {
			at = i
		}
	}
	if at >= 0 && (span.Reason != "" || span.Took > t.Calls[at].Took) {
		t.Calls = append(slices.Delete(t.Calls, at, at+1), span)
	}
}

// An invocation's ID begins with 32 hexadecimal digits: they are the ID of the trace that begins with it, and the last 16
// of them that of its span.
const (
	traceDigits = 32
	spanDigits  = 16
)

func spanOf(invocation string) string { return invocation[traceDigits-spanDigits : traceDigits] }

var traceParentRule = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// validTraceParent returns a traceparent of version 0, and nothing for what is none (W3C Trace Context).
func validTraceParent(text string) string {
	if len(text) != 55 || !traceParentRule.MatchString(text) || text[3:35] == strings.Repeat("0", traceDigits) || text[36:52] == strings.Repeat("0", spanDigits) {
		return ""
	}
	return text
}

// traceParent is what tells others that a span of this invocation caused what they do.
func (r *recording) traceParent(span string) string {
	trace, flags := r.invocation.ID[:traceDigits], "01"
	if r.trace != nil && r.trace.Remote != "" {
		trace, flags = r.trace.Remote[3:35], r.trace.Remote[53:]
	}
	return "00-" + trace + "-" + span + "-" + flags
}

// TraceID returns the ID of the trace that the invocation belongs to, that of the span that caused it, empty for none, and
// that of its own span, in hexadecimal digits; sampled says whether whoever began the trace wants it to be kept.
func (i *Invocation) TraceID() (trace, parent, span string, sampled bool) {
	if r := i.Trace.Remote; r != "" {
		flags, _ := strconv.ParseUint(r[53:], 16, 8)
		return r[3:35], r[36:52], spanOf(i.ID), flags&1 != 0
	}
	return i.ID[:traceDigits], "", spanOf(i.ID), true
}

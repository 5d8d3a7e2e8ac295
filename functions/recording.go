package functions

import (
	"sync"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// What is kept of what an invocation prints; beyond it, lines are counted as truncated.
const (
	maxLines     = 1000
	maxLineBytes = 256 << 10
)

// recording gathers what one invocation prints, and files its record at the end.
type recording struct {
	service    *Service
	invocation *runtime.Invocation
	app        yunduo.AppID
	function   string
	version    int64
	started    time.Time

	mu        sync.Mutex
	lines     []Line
	bytes     int
	truncated bool
	ended     bool
}

// line takes a printed line. Lines that come after the reply are only shown live: the record is written by then.
func (r *recording) line(l runtime.LogLine) {
	line := Line(l)
	r.service.feed.publishLine(r.app, r.function, r.invocation.ID, line)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if len(r.lines) == maxLines || r.bytes+len(line.Message) > maxLineBytes {
		r.truncated = true
		return
	}
	r.lines = append(r.lines, line)
	r.bytes += len(line.Message)
}

// end files the record of the invocation and counts it.
func (r *recording) end(p *program, took time.Duration, result runtime.Result, err error) {
	r.mu.Lock()
	r.ended = true
	lines, truncated := r.lines, r.truncated
	r.mu.Unlock()
	reason, message, stack := reasonOf(err)
	caller := r.invocation.Caller
	user := caller.OpenID
	if user == "" {
		user = caller.UserID
	}
	record := Invocation{
		ID: r.invocation.ID, App: r.app, Function: r.function, Version: r.version, Source: r.invocation.Source, User: user,
		RequestID: r.invocation.RequestID, StartedAt: r.started.UTC(), Duration: took, Cold: result.Cold,
		Reason: reason, Message: message, Stack: stack, Lines: lines, Truncated: truncated,
	}
	p.figures.add(r.started, took, record)
	r.service.logs.add(record)
	r.service.feed.publish(record)
	if observe := r.service.options.Observe; observe != nil {
		observe(Observation{App: r.app, Function: r.function, Source: record.Source, Reason: reason, Duration: took, Cold: result.Cold})
	}
}

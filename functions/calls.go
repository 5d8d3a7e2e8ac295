package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/functions/runtime"
)

// parentKey is the key of a *calling in a context.
type parentKey struct{}

// calling is a call of running code by which another invocation is made.
type calling struct {
	parent string // the invocation that calls
	remote string // traceparent of the call, if the trace goes beyond this server
	child  string // the one that is made; set by it before it ends
}

// noting is a call of the platform by running code while it goes on.
type noting struct {
	recording *recording
	span      Span
	begun     time.Duration
	plans     driver.Plans
	inner     *calling // of functions.invoke
}

// note begins the span of a call, which is to be made with the returned context.
func (r *recording) note(ctx context.Context, operation string) (context.Context, *noting) {
	n := &noting{recording: r, begun: elapsed()}
	n.span = Span{Operation: cut(r.program.hide(operation), maxName), Start: n.begun - r.begun}
	ctx = driver.WithPlans(ctx, &n.plans)
	if operation == "functions.invoke" {
		n.span.ID = yunduo.NewName()[:spanDigits]
		n.inner = &calling{parent: r.invocation.ID, remote: r.traceParent(n.span.ID)}
		ctx = context.WithValue(ctx, parentKey{}, n.inner)
	}
	return ctx, n
}

// end keeps the span. request is the text of the call, as far as there is one, target what else tells whom it was about.
func (n *noting) end(request []byte, target string, err error) {
	span := &n.span
	span.Took = elapsed() - n.begun
	if err != nil {
		span.Reason = yunduo.ReasonOf(err)
	}
	for _, use := range n.plans.Uses() {
		span.Plans = append(span.Plans, Plan(use))
	}
	switch {
	case len(span.Plans) > 0:
		target = span.Plans[0].Collection
	case target != "":
	case n.inner != nil:
		target = mention(request, `"name":"`)
	default:
		target = mention(request, `"collection":"`)
	}
	span.Target = cut(n.recording.program.hide(target), maxName)
	if n.inner != nil {
		span.Child = n.inner.child
	}
	n.recording.called(*span)
}

var _ runtime.Host = (*recording)(nil)

// Call implements runtime.Host: it notes what the code asks of the platform, and when.
func (r *recording) Call(ctx context.Context, invocation *runtime.Invocation, operation string, request json.RawMessage, attachment []byte) (json.RawMessage, []byte, error) {
	ctx, noted := r.note(ctx, operation)
	response, given, err := (*r.service.host.Load()).Call(ctx, invocation, operation, request, attachment)
	noted.end(request, "", err)
	if r.taping != nil {
		c := TapeCall{Operation: noted.span.Operation, Request: request, Response: response, Attachment: given}
		if err != nil {
			c.Error = &TapeError{noted.span.Reason, yunduo.AsError(err).Message}
		}
		r.mu.Lock()
		r.taping.add(c)
		r.mu.Unlock()
	}
	return response, given, err
}

// Note notes a call of the platform that running code makes over the network, with the credentials of its invocation, in the
// invocation's trace. The call is to be made with the returned context, and its end to be told, with the collection or function
// that it is about, if that is known. end is nil if there is nothing to note: the invocation has ended, runs on another
// machine, or the call is noted already.
func (s *Service) Note(ctx context.Context, caller *yunduo.Caller, operation string) (noted context.Context, end func(target string, err error)) {
	if driver.PlansOf(ctx) != nil {
		return ctx, nil
	}
	found, ok := s.networked.Load(caller.InvocationID)
	if !ok {
		return ctx, nil
	}
	ctx, n := found.(*recording).note(ctx, operation)
	return ctx, func(target string, err error) { n.end(nil, target, err) }
}

// mention returns the value of a member of a request that stands near its beginning and is a plain text. It serves to be
// read by people; requests may be large and are not parsed for it.
func mention(request []byte, head string) string {
	request = request[:min(len(request), 1024)]
	at := bytes.Index(request, []byte(head))
	if at < 0 {
		return ""
	}
	rest := request[at+len(head):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || bytes.IndexByte(rest[:end], '\\') >= 0 {
		return ""
	}
	return string(rest[:end])
}

package functions

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
	"yunduo/internal/jsontext"
)

// Sources of invocations, as the code sees them.
const (
	SourceClient   = "client"
	SourceFunction = "function"
	SourceTimer    = "timer"
	SourceHTTP     = "http"
	SourceWeChat   = "wechat" // a message or a notification that WeChat sent
)

// InvokeOptions say more about an invocation. The zero value fits a call of a client.
type InvokeOptions struct {
	Source string // by the caller's role if empty
	// AsUser lets the app's owner try a function as an end user: the identity fields of this caller are used.
	AsUser    *yunduo.Caller
	RequestID string // of ctx if empty
	// Lines asks for what the code printed before its reply.
	Lines bool
	// Record keeps all that the code is told, for the app's owner to run it again (see Tape).
	Record bool
	// Task is the coroutine that calls, to be parked while the function runs; nil on an ordinary goroutine.
	Task *eventloop.Task
	// Public lets callers without credentials in and asks no rules: what is called says itself that anybody may.
	Public bool
	// again says that the invocation has been admitted and checked before.
	again bool
}

// Result is what an invocation gave. InvocationID is set on errors of the code too.
type Result struct {
	runtime.Result
	InvocationID string
	Version      int64
	Lines        []runtime.LogLine // if they were asked for
}

// Observation is what metrics learn of an invocation.
type Observation struct {
	App      yunduo.AppID
	Function string
	Source   string
	Reason   yunduo.Reason // empty for success
	Duration time.Duration // as the caller saw it
	Cold     bool
}

var emptyEvent = json.RawMessage("{}")

// Invoke runs a function: its live version, the one of an alias with name "f:alias", or for its owner any with "f:3".
// event is JSON text; empty means {}. The code acts with the identity of the end user on whose behalf the caller calls.
// Errors: permission_denied, function_denied, malformed_json, body_too_large, function_not_found, alias_not_found,
// version_not_found, function_chain_too_deep, shutting_down, and those of runtime.Program.Invoke.
func (s *Service) Invoke(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, event json.RawMessage, o InvokeOptions) (Result, error) {
	invocation, err := s.admit(ctx, caller, app, name, o)
	if err != nil {
		return Result{}, err
	}
	if invocation.Event, err = s.event(event); err != nil {
		return Result{}, err
	}
	p, err := s.acquire(ctx, &invocation.Caller, name)
	if err != nil {
		return Result{}, err
	}
	defer p.release()
	if err := p.accepts(invocation.Event); err != nil && !o.again && invocation.Source != SourceTimer {
		return Result{}, err
	}
	rec := s.record(ctx, invocation, p)
	invocation.Task = o.Task
	if o.Record || p.figures.wish.Load().take(rec.started) {
		rec.taping = &taping{event: invocation.Event}
	}
	result := Result{InvocationID: invocation.ID, Version: p.number}
	if p.failure != nil {
		err = p.failure
	} else if end, failed := s.equip(ctx, p, invocation, p.timeout+credentialsGrace); failed != nil {
		err = failed
	} else {
		result.Result, err = p.code.Invoke(ctx, invocation)
		end(err == nil)
		err = p.hideIn(err)
	}
	rec.finish(p, elapsed()-rec.begun, result.Result, err)
	if rec.taping != nil {
		rec.keepTape(result.JSON)
	}
	if o.Lines {
		result.Lines = rec.printed()
	}
	return result, err
}

// Credentials are what code needs to call the platform over the network as its caller.
type Credentials struct {
	Env map[string]string // as environment variables
	// End lets them count for no longer than a while from now.
	End func(after time.Duration)
}

const (
	credentialsGrace = time.Minute      // how long credentials outlive the time limit at most: waiting for a process, and work after the reply
	afterReply       = 15 * time.Second // how long they outlive the reply: the runtime ends work after it sooner
	exchangeLife     = 24 * time.Hour   // of those of an HTTP exchange, which may last, and ends them
)

// equip gives an invocation whose code brings the vendor's SDKs along its credentials. The returned function is to be
// called at its end; work may go on after a reply.
func (s *Service) equip(ctx context.Context, p *program, invocation *runtime.Invocation, life time.Duration) (end func(replied bool), err error) {
	if !p.official || s.options.Credentials == nil {
		return func(bool) {}, nil
	}
	credentials, err := s.options.Credentials(ctx, invocation.Caller, life)
	if err != nil {
		return nil, err
	}
	invocation.Env = credentials.Env
	return func(replied bool) {
		if replied {
			credentials.End(afterReply)
		} else {
			credentials.End(0)
		}
	}, nil
}

// record begins the record of an invocation, which the caller ends.
func (s *Service) record(ctx context.Context, invocation *runtime.Invocation, p *program) *recording {
	rec := &recording{
		service: s, invocation: invocation, program: p, started: s.options.Now(), begun: elapsed(),
	}
	arrival := yunduo.ArrivalOf(ctx)
	if !arrival.Received.IsZero() {
		rec.gateway = rec.begun - arrival.Received.Sub(epoch)
	}
	if remote := validTraceParent(arrival.TraceParent); remote != "" {
		rec.trace = &Trace{Remote: remote}
	}
	if invocation.Source == SourceFunction {
		if by, ok := ctx.Value(parentKey{}).(*calling); ok {
			by.child = invocation.ID
			rec.trace = &Trace{Parent: by.parent, Remote: by.remote}
		}
	}
	if rec.trace != nil || s.options.Export != nil {
		invocation.TraceParent = rec.traceParent(spanOf(invocation.ID))
	}
	if p.official {
		s.networked.Store(invocation.ID, rec)
	}
	invocation.Log = rec.line
	if h := s.host.Load(); h != nil {
		invocation.Host = rec
	}
	return rec
}

// admit decides whether the caller may invoke, and as whom the code acts.
func (s *Service) admit(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, called string, o InvokeOptions) (*runtime.Invocation, error) {
	name, qualifier := splitName(called)
	if o.Public && caller.Role == "" {
		caller.App = app
	}
	switch {
	case !o.Public && !caller.EndUser() && !caller.Privileged():
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller has no role; sign in first")
	case caller.App != app && !caller.MayManage(app):
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller belongs to another app than %s", app)
	case o.AsUser != nil && !caller.MayManage(app):
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app %s may choose whom a function runs for", app)
	case o.Record && !caller.MayManage(app):
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app %s may record a call", app)
	case o.Record && s.tapes.sealer == nil:
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server has no key to seal recorded calls with")
	case isNumber(qualifier) && !caller.MayManage(app):
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app %s may choose a version by its number; others call an alias", app)
	}
	if !o.Public && !o.again {
		if err := s.allowed(ctx, caller, app, name); err != nil {
			return nil, err
		}
	}
	depth := 0
	if caller.Role == yunduo.RoleFunction {
		if depth = depthOf(caller.InvocationID) + 1; depth >= s.limits.Depth {
			return nil, yunduo.Errorf(yunduo.ReasonFunctionChainTooDeep, "functions call each other more than %d deep, the last being %s; does one call itself without an end?", s.limits.Depth, name)
		}
	}
	user := caller
	if o.AsUser != nil {
		user = *o.AsUser
	}
	id := newInvocationID(s.options.Now(), depth)
	invocation := &runtime.Invocation{ID: id, Source: o.Source, Caller: yunduo.Caller{
		App: app, Role: yunduo.RoleFunction, UserID: user.UserID, SessionID: user.SessionID, Provider: user.Provider, OpenID: user.OpenID, UnionID: user.UnionID,
		WeChatAppID: user.WeChatAppID, Username: user.Username, Function: name, InvocationID: id, ClientIP: user.ClientIP,
	}}
	if invocation.RequestID = o.RequestID; invocation.RequestID == "" {
		invocation.RequestID = yunduo.RequestID(ctx)
	}
	if invocation.Source == "" {
		switch caller.Role {
		case yunduo.RoleFunction:
			invocation.Source = SourceFunction
		case yunduo.RoleTrigger:
			invocation.Source = SourceTimer
		default:
			invocation.Source = SourceClient
		}
	}
	return invocation, nil
}

func (s *Service) event(event json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(event) == 0:
		return emptyEvent, nil
	case len(event) > s.limits.EventBytes:
		return nil, yunduo.Errorf(yunduo.ReasonBodyTooLarge, "the event has %d bytes; the limit is %d", len(event), s.limits.EventBytes)
	case !jsontext.Valid(event):
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the event is not valid JSON")
	}
	return event, nil
}

// newInvocationID returns an identifier that sorts by time: 12 hexadecimal digits of milliseconds and 20 random ones.
// For an invocation by another one, "." and its depth in the chain follow: the depth thus travels with the caller, on
// every node and after the outer invocation has ended.
func newInvocationID(now time.Time, depth int) string {
	var stamp [6]byte
	ms := uint64(now.UnixMilli())
	for i := range stamp {
		stamp[i] = byte(ms >> (8 * (5 - i)))
	}
	id := hex.EncodeToString(stamp[:]) + yunduo.NewName()[:20]
	if depth > 0 {
		id += "." + strconv.Itoa(depth)
	}
	return id
}

func depthOf(invocationID string) int {
	_, text, ok := strings.Cut(invocationID, ".")
	if !ok {
		return 0
	}
	depth, err := strconv.Atoi(text)
	if err != nil || depth < 0 {
		return 0
	}
	return depth
}

package api

import (
	"context"

	"yunduo"
	"yunduo/functions"
	"yunduo/wire"
)

// maxTraced is how many invocations one trace shows.
const maxTraced = 50

func traceInvocation(ctx context.Context, a *API, call *Call, req *wire.InvocationRequest) (*wire.TraceResponse, error) {
	left := maxTraced
	return a.trace(ctx, call, req.ID, &left)
}

// trace returns an invocation with those that it made, as far as they are recorded and not too many.
func (a *API) trace(ctx context.Context, call *Call, id string, left *int) (*wire.TraceResponse, error) {
	*left--
	found, err := a.rooms.Functions.Find(ctx, call.Caller, call.App, id)
	if err != nil {
		return nil, err
	}
	response := &wire.TraceResponse{InvocationRecord: wireInvocation(found)}
	response.Stack, response.Trace = found.Stack, wireTrace(&found)
	for _, c := range found.Trace.Calls {
		if c.Child == "" || *left <= 0 {
			continue
		}
		child, err := a.trace(ctx, call, c.Child, left)
		switch {
		case yunduo.ReasonOf(err) == yunduo.ReasonInvocationNotFound: // it was quick and quiet
		case err != nil:
			return nil, err
		default:
			response.Children = append(response.Children, *child)
		}
	}
	return response, nil
}

func wireTrace(i *functions.Invocation) *wire.Trace {
	id, _, _, _ := i.TraceID()
	t := &wire.Trace{
		TraceID: id, GatewayMS: milliseconds(i.Trace.Gateway), QueueMS: milliseconds(i.Trace.Queue), RunMS: milliseconds(i.Trace.Run),
		Calls: make([]wire.TraceCall, len(i.Trace.Calls)), Omitted: i.Trace.Omitted, Parent: i.Trace.Parent,
	}
	for n, c := range i.Trace.Calls {
		t.Calls[n] = wire.TraceCall{Operation: c.Operation, Target: c.Target, StartMS: milliseconds(c.Start), TookMS: milliseconds(c.Took), Reason: string(c.Reason), Child: c.Child}
		for _, p := range c.Plans {
			t.Calls[n].Plans = append(t.Calls[n].Plans, wire.TracePlan(p))
		}
	}
	return t
}

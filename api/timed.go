package api

import (
	"context"
	"errors"
	"time"

	"yunduo"
	"yunduo/wire"
)

// endUserTime is how long one document operation of an end user may work. Without it, a pipeline that multiplies rows
// would occupy a processor for as long as its sender cares to wait.
const endUserTime = 10 * time.Second

// codeMaxTime is MongoDB's number for a request that took longer than it may.
const codeMaxTime = 50

type handler = func(ctx context.Context, a *API, call *Call) (any, error)

// timed bounds the time of a handler for end users. Its response must be whole when it returns.
func timed(handle handler) handler {
	return func(ctx context.Context, a *API, call *Call) (any, error) {
		if !call.Caller.EndUser() {
			return handle(ctx, a, call)
		}
		ctx, cancel := context.WithTimeout(ctx, endUserTime)
		defer cancel()
		return handle(ctx, a, call)
	}
}

// limited bounds the time of a request: by what its sender says, and if it reads by the server's setting. What writes is
// not ended by itself, for it would stop half-way.
func (a *API) limited(ctx context.Context, call *Call, request wire.TimeLimited, work func(context.Context) (any, error)) (any, error) {
	ms, reads := request.TimeLimit()
	if ms < 0 || ms > int64(24*time.Hour/time.Millisecond) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"maxTimeMS\": up to a day of milliseconds, not %d", ms)
	}
	limit := time.Duration(ms) * time.Millisecond
	if limit == 0 && call.Caller.EndUser() { // whose time is limited anyway
		return work(ctx)
	}
	if most := a.info.QueryTime; reads && most > 0 && (limit == 0 || limit > most) {
		limit = most
	}
	if limit == 0 {
		return work(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	response, err := work(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil, yunduo.Wrap(err, yunduo.ReasonTimeout, "the request was ended after %s; narrow its filter, add an index or ask for less at a time", limit).WithMongoCode(codeMaxTime)
	}
	return response, err
}

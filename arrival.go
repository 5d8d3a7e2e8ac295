package yunduo

import (
	"context"
	"time"
)

// Arrival is what is known of the request that something is done for.
type Arrival struct {
	RequestID string
	Received  time.Time // when it came; zero if it is not known
	// TraceParent is the client's place in a trace of its own, the header traceparent of W3C Trace Context as it was sent;
	// empty for none.
	TraceParent string
}

type arrivalKey struct{}

// arrivalContext is one allocation for all, because every request pays for it.
type arrivalContext struct {
	context.Context
	arrival Arrival
}

// Value implements context.Context.
func (c *arrivalContext) Value(key any) any {
	if key == (arrivalKey{}) {
		return &c.arrival
	}
	return c.Context.Value(key)
}

// WithArrival returns a context that carries how the request came, in place of what ctx carries of one.
func WithArrival(ctx context.Context, a Arrival) context.Context {
	return &arrivalContext{ctx, a}
}

// ArrivalOf returns how the request came, as far as ctx carries it.
func ArrivalOf(ctx context.Context) Arrival {
	if a, _ := ctx.Value(arrivalKey{}).(*Arrival); a != nil {
		return *a
	}
	return Arrival{}
}

// WithRequestID returns a context that carries the request ID, and nothing else of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return WithArrival(ctx, Arrival{RequestID: id})
}

// RequestID returns the request ID that ctx carries, or the empty string.
func RequestID(ctx context.Context) string { return ArrivalOf(ctx).RequestID }

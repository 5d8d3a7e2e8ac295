package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"yunduo/functions"
)

// Names of attributes, as far as OpenTelemetry has conventions for them; ours begin with "yunduo.".
const (
	serviceName    = attribute.Key("service.name")
	serviceVersion = attribute.Key("service.version")
	faasName       = attribute.Key("faas.name")
	faasVersion    = attribute.Key("faas.version")
	faasInvocation = attribute.Key("faas.invocation_id")
	faasColdStart  = attribute.Key("faas.coldstart")
	errorType      = attribute.Key("error.type")
	dbCollection   = attribute.Key("db.collection.name")
	app            = attribute.Key("yunduo.app")
	source         = attribute.Key("yunduo.source")
	requestID      = attribute.Key("yunduo.request_id")
	target         = attribute.Key("yunduo.target")
	plan           = attribute.Key("yunduo.plan")
)

// sendTrace gives an invocation to the SDK as spans: itself, and below it gateway, queue, run, and below that the calls of the
// platform.
func (e *Exporter) sendTrace(i *functions.Invocation) {
	id, parent, own, sampled := i.TraceID()
	if !sampled {
		return
	}
	ctx := context.Background()
	chosen := ids{}
	if _, err := hex.Decode(chosen.trace[:], []byte(id)); err != nil {
		return
	}
	if _, err := hex.Decode(chosen.span[:], []byte(own)); err != nil {
		return
	}
	if parent != "" {
		var above trace.SpanID
		if _, err := hex.Decode(above[:], []byte(parent)); err != nil {
			return
		}
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: chosen.trace, SpanID: above, TraceFlags: trace.FlagsSampled, Remote: true}))
	}
	received := i.StartedAt.Add(-i.Trace.Gateway)
	ended := i.StartedAt.Add(i.Duration)
	ctx, span := e.start(ctx, chosen, i.Function, trace.SpanKindServer, received,
		faasName.String(i.Function), faasVersion.Int64(i.Version), faasInvocation.String(i.ID), faasColdStart.Bool(i.Cold),
		app.String(string(i.App)), source.String(i.Source), requestID.String(i.RequestID))
	if i.Reason != "" {
		span.SetAttributes(errorType.String(string(i.Reason)))
		span.SetStatus(codes.Error, i.Message)
	}
	defer span.End(trace.WithTimestamp(ended))
	if i.Trace.Gateway > 0 {
		e.leaf(ctx, "gateway", received, i.Trace.Gateway)
	}
	e.leaf(ctx, "queue", i.StartedAt, i.Trace.Queue)
	began := i.StartedAt.Add(i.Trace.Queue)
	ctx, run := e.start(ctx, ids{}, "run", trace.SpanKindInternal, began)
	defer run.End(trace.WithTimestamp(began.Add(i.Trace.Run)))
	for _, c := range i.Trace.Calls {
		e.call(ctx, i, c)
	}
}

func (e *Exporter) call(ctx context.Context, i *functions.Invocation, c functions.Span) {
	at := i.StartedAt.Add(c.Start)
	var chosen ids
	if _, err := hex.Decode(chosen.span[:], []byte(c.ID)); err != nil {
		chosen = ids{}
	}
	_, span := e.start(ctx, chosen, c.Operation, trace.SpanKindClient, at)
	defer span.End(trace.WithTimestamp(at.Add(c.Took)))
	if c.Target != "" {
		span.SetAttributes(target.String(c.Target))
	}
	var plans []string
	for _, p := range c.Plans {
		how := "scan of " + p.Collection
		if p.Index != "" {
			how = "index " + p.Index + " of " + p.Collection
		}
		plans = append(plans, how)
	}
	if len(plans) > 0 {
		span.SetAttributes(plan.StringSlice(plans), dbCollection.String(c.Plans[0].Collection))
	}
	if c.Reason != "" {
		span.SetAttributes(errorType.String(string(c.Reason)))
		span.SetStatus(codes.Error, "")
	}
}

func (e *Exporter) leaf(ctx context.Context, name string, at time.Time, took time.Duration) {
	_, span := e.start(ctx, ids{}, name, trace.SpanKindInternal, at)
	span.End(trace.WithTimestamp(at.Add(took)))
}

func (e *Exporter) start(ctx context.Context, chosen ids, name string, kind trace.SpanKind, at time.Time, about ...attribute.KeyValue) (context.Context, trace.Span) {
	return e.tracer.Start(context.WithValue(ctx, idsKey{}, chosen), name, trace.WithTimestamp(at), trace.WithSpanKind(kind), trace.WithAttributes(about...))
}

// ids are what a span is to be called; zero ones are left to chance.
type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

type idsKey struct{}

// chosenIDs gives spans the IDs that their context names: others, such as a caller, know them already.
type chosenIDs struct{}

var _ sdktrace.IDGenerator = chosenIDs{}

// NewIDs implements sdktrace.IDGenerator.
func (c chosenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	chosen, _ := ctx.Value(idsKey{}).(ids)
	for !chosen.trace.IsValid() {
		_, _ = rand.Read(chosen.trace[:]) // never fails
	}
	return chosen.trace, c.NewSpanID(ctx, chosen.trace)
}

// NewSpanID implements sdktrace.IDGenerator.
func (chosenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	chosen, _ := ctx.Value(idsKey{}).(ids)
	for !chosen.span.IsValid() {
		_, _ = rand.Read(chosen.span[:]) // never fails
	}
	return chosen.span
}

package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"yunduo/functions"
)

const (
	exceptionMessage = attribute.Key("exception.message")
	exceptionStack   = attribute.Key("exception.stacktrace")
	fields           = attribute.Key("fields") // of a line, as a map: their names are the author's
)

var severities = map[string]log.Severity{"debug": log.SeverityDebug, "info": log.SeverityInfo, "warn": log.SeverityWarn, "error": log.SeverityError}

// sendLines gives what an invocation printed to the SDK, and, if it is wanted, how it failed.
func (e *Exporter) sendLines(i *functions.Invocation, failure bool) {
	failure = failure && i.Reason != ""
	if len(i.Lines) == 0 && !failure {
		return
	}
	ctx := within(i)
	about := []attribute.KeyValue{
		faasName.String(i.Function), faasVersion.Int64(i.Version), faasInvocation.String(i.ID), app.String(string(i.App)), requestID.String(i.RequestID),
	}
	for _, l := range i.Lines {
		e.emit(ctx, l.Time, l.Level, l.Message, about, fieldsOf(l.Fields)...)
	}
	if failure {
		e.emit(ctx, i.StartedAt.Add(i.Duration), "error", i.Message, about,
			errorType.String(string(i.Reason)), exceptionMessage.String(i.Message), exceptionStack.String(i.Stack))
	}
}

func (e *Exporter) emit(ctx context.Context, at time.Time, level, text string, about []attribute.KeyValue, more ...attribute.KeyValue) {
	var r log.Record
	r.SetTimestamp(at)
	r.SetObservedTimestamp(time.Now())
	r.SetSeverity(severities[level])
	r.SetSeverityText(level)
	r.SetBody(attribute.StringValue(text))
	r.AddAttributes(about...)
	r.AddAttributes(more...)
	e.printer.Emit(ctx, r)
}

// within returns a context that says where in its trace an invocation is.
func within(i *functions.Invocation) context.Context {
	ctx := context.Background()
	id, _, own, sampled := i.TraceID()
	var place trace.SpanContextConfig
	if _, err := hex.Decode(place.TraceID[:], []byte(id)); err != nil {
		return ctx
	}
	if _, err := hex.Decode(place.SpanID[:], []byte(own)); err != nil {
		return ctx
	}
	if sampled {
		place.TraceFlags = trace.FlagsSampled
	}
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(place))
}

// fieldsOf returns the fields of a line as an attribute, nothing if it has none.
func fieldsOf(text json.RawMessage) []attribute.KeyValue {
	if len(text) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if decoder.Decode(&object) != nil {
		return nil
	}
	return []attribute.KeyValue{{Key: fields, Value: valueOf(object)}}
}

func valueOf(value any) attribute.Value {
	switch v := value.(type) {
	case string:
		return attribute.StringValue(v)
	case bool:
		return attribute.BoolValue(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return attribute.Int64Value(n)
		}
		if n, err := v.Float64(); err == nil {
			return attribute.Float64Value(n)
		}
		return attribute.StringValue(v.String())
	case []any:
		list := make([]attribute.Value, len(v))
		for i, item := range v {
			list[i] = valueOf(item)
		}
		return attribute.SliceValue(list...)
	case map[string]any:
		members := make([]attribute.KeyValue, 0, len(v))
		for name, member := range v {
			members = append(members, attribute.KeyValue{Key: attribute.Key(name), Value: valueOf(member)})
		}
		return attribute.MapValue(members...)
	}
	return attribute.Value{} // null
}

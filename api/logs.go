package api

import (
	"context"
	"time"

	"yunduo/functions"
	"yunduo/wire"
)

// metricsSpan is how far back an app's recent activity reaches, metricsBucket how finely.
const (
	metricsSpan   = 298 // seconds
	metricsBucket = 2
)

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func wireInvocation(i functions.Invocation) wire.InvocationRecord {
	record := wire.InvocationRecord{
		ID: i.ID, Function: i.Function, Version: i.Version, Source: i.Source, User: i.User, RequestID: i.RequestID,
		StartedAt: i.StartedAt, DurationMS: milliseconds(i.Duration), Cold: i.Cold, Reason: string(i.Reason), Message: i.Message,
	}
	for _, l := range i.Lines {
		record.Lines = append(record.Lines, wire.LogLine(l))
	}
	return record
}

func functionLogs(ctx context.Context, a *API, call *Call, req *wire.LogsRequest) (*wire.LogsResponse, error) {
	q := functions.LogQuery{Function: req.Function, Before: req.Before, Limit: req.Limit, LogFilter: logFilter(req)}
	if req.Since != nil {
		q.Since = *req.Since
	}
	if req.Until != nil {
		q.Until = *req.Until
	}
	list, more, err := a.rooms.Functions.Logs(ctx, call.Caller, call.App, q)
	if err != nil {
		return nil, err
	}
	response := &wire.LogsResponse{Invocations: make([]wire.InvocationRecord, len(list)), More: more}
	for i, record := range list {
		response.Invocations[i] = wireInvocation(record)
	}
	return response, nil
}

func logFilter(req *wire.LogsRequest) functions.LogFilter {
	return functions.LogFilter{Level: req.Level, Failed: req.Failed, Text: req.Search}
}

// FollowLogs sends the invocations of an app that a request wants (its function, level, failed and search count) as they
// end, until stop is called.
func (a *API) FollowLogs(ctx context.Context, call *Call, req *wire.LogsRequest) (records <-chan wire.InvocationRecord, stop func(), err error) {
	if err := a.operations["functions.logs"].admit(call); err != nil {
		return nil, nil, err
	}
	wants, err := logFilter(req).Wants()
	if err != nil {
		return nil, nil, err
	}
	function := req.Function
	entries, unsubscribe, err := a.rooms.Functions.Subscribe(call.Caller, call.App, function, func(e functions.Entry) bool { return e.Ended != nil && (wants == nil || wants(e.Ended)) })
	if err != nil {
		return nil, nil, err
	}
	out := make(chan wire.InvocationRecord)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for entry := range entries {
			select {
			case out <- wireInvocation(*entry.Ended):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() {
		unsubscribe()
		for range out { // lets the goroutine see the end
		}
		<-done
	}, nil
}

// activity fills the buckets of an app's metrics.
func (a *API) activity(_ context.Context, call *Call, response *wire.MetricsResponse) error {
	stats, err := a.rooms.Functions.Stats(call.Caller, call.App, metricsSpan)
	if err != nil {
		return err
	}
	response.BucketSeconds = metricsBucket
	for i := 0; i+metricsBucket <= len(stats); i += metricsBucket {
		b := wire.MetricsBucket{Time: stats[i].Time}
		for _, s := range stats[i : i+metricsBucket] {
			b.Calls += s.Calls
			b.Errors += s.Errors
			b.P50MS = max(b.P50MS, milliseconds(s.P50))
			b.P99MS = max(b.P99MS, milliseconds(s.P99))
		}
		response.Buckets = append(response.Buckets, b)
	}
	return nil
}

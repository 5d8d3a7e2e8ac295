package cloudbase

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"yunduo"
	"yunduo/wire"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// invokeDirectly runs a function as the app's owner; what its code threw is part of the result.
func invokeDirectly(ctx context.Context, c *controlCall) (members, error) {
	var p struct{ FunctionName, ClientContext, Event string }
	if err := c.into(&p); err != nil {
		return nil, err
	}
	event := p.ClientContext
	if event == "" {
		event = p.Event
	}
	run, err := do[wire.TestInvokeResponse](ctx, c.request, "functions.test", &wire.TestInvokeRequest{Name: p.FunctionName, Event: json.RawMessage(event)})
	if err != nil {
		return nil, err
	}
	result := members{
		"FunctionRequestId": run.InvocationID, "RetMsg": string(run.Result), "ErrMsg": "", "InvokeResult": 0,
		"Duration": run.DurationMS, "BillDuration": run.DurationMS, "MemUsage": 0, "Log": c.printed(run.Lines),
	}
	if run.Error != nil {
		result["InvokeResult"], result["ErrMsg"] = -1, run.Error.Message
		text, err := json.Marshal(map[string]any{"errorCode": 1, "errorMessage": run.Error.Message})
		if err != nil {
			return nil, err
		}
		result["RetMsg"] = string(text)
	}
	return members{"Result": result}, nil
}

// logParams are the members of the calls for logs.
type logParams struct {
	FunctionName       string
	Offset, Limit      int
	StartTime, EndTime string // in the client's time zone
	FunctionRequestID  string
	LogRequestID       string // also the ID of an invocation
	Filter             struct{ RetCode string }
}

// moment reads a time as the tools write it; the zero time for none.
func (c *controlCall) moment(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateTime, text, c.zone)
	if err != nil {
		return time.Time{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: %q is not like 2006-01-02 15:04:05", name, clip(text))
	}
	return t, nil
}

// printed is what a function printed, a line each.
func (c *controlCall) printed(lines []wire.LogLine) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s %s %s\n", c.time(l.Time), l.Level, l.Message)
	}
	return b.String()
}

// maxLogPages bounds how far back one call looks for what it asks.
const maxLogPages = 20

// invocations lists what a call for logs asks for, newest first.
func (c *controlCall) invocations(ctx context.Context, p *logParams) ([]wire.InvocationRecord, error) {
	from, err := c.moment("StartTime", p.StartTime)
	if err != nil {
		return nil, err
	}
	to, err := c.moment("EndTime", p.EndTime)
	if err != nil {
		return nil, err
	}
	limit := min(max(p.Limit, 0), 500)
	if limit == 0 {
		limit = 10
	}
	wanted := p.LogRequestID
	if wanted == "" {
		wanted = p.FunctionRequestID
	}
	var found []wire.InvocationRecord
	request := &wire.LogsRequest{Function: p.FunctionName, Limit: 500}
	for range maxLogPages {
		response, err := do[wire.LogsResponse](ctx, c.request, "functions.logs", request)
		if err != nil {
			return nil, err
		}
		for _, record := range response.Invocations {
			switch {
			case record.StartedAt.Before(from):
				return skip(found, p.Offset), nil // the rest is older
			case !to.IsZero() && record.StartedAt.After(to), wanted != "" && record.ID != wanted && record.RequestID != wanted,
				p.Filter.RetCode == "is0" && record.Reason != "", p.Filter.RetCode == "not0" && record.Reason == "":
				continue
			}
			if found = append(found, record); len(found) >= p.Offset+limit {
				return skip(found, p.Offset), nil
			}
		}
		if len(response.Invocations) < request.Limit {
			break
		}
		request.Before = response.Invocations[len(response.Invocations)-1].ID
	}
	return skip(found, p.Offset), nil
}

func skip(list []wire.InvocationRecord, n int) []wire.InvocationRecord {
	return list[min(max(n, 0), len(list)):]
}

// describeRun is an invocation as the tools print it. What a function returned is not kept, nor what memory it took.
func (c *controlCall) describeRun(record *wire.InvocationRecord) members {
	text, code := c.printed(record.Lines), 0
	if record.Reason != "" {
		code = 1
	}
	return members{
		"FunctionName": record.Function, "StartTime": c.time(record.StartedAt), "Duration": record.DurationMS, "BillDuration": record.DurationMS,
		"RequestId": record.ID, "RetCode": code, "RetMsg": record.Message, "MemUsage": 0, "Log": text, "LogJson": text,
		"RetryNum": 0, "InvokeFinished": 1,
	}
}

func functionLogs(ctx context.Context, c *controlCall) (members, error) {
	var p logParams
	if err := c.into(&p); err != nil {
		return nil, err
	}
	found, err := c.invocations(ctx, &p)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for i := range found {
		list = append(list, c.describeRun(&found[i]))
	}
	return members{"LogList": list, "Data": list, "TotalCount": len(list), "Total": len(list)}, nil
}

// functionLogDetail describes one invocation by its ID. IDs sort by time, so that it is the latest that begins before
// the next possible one.
func functionLogDetail(ctx context.Context, c *controlCall) (members, error) {
	id := c.params.text("LogRequestId")
	response, err := do[wire.LogsResponse](ctx, c.request, "functions.logs", &wire.LogsRequest{Before: id + "\x00", Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(response.Invocations) == 0 || response.Invocations[0].ID != id {
		return nil, coded{"ResourceNotFound", yunduo.Errorf(yunduo.ReasonInvalidRequest, "LogRequestId: there is no record of an invocation %q", clip(id))}
	}
	return c.describeRun(&response.Invocations[0]), nil
}

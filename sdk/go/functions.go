package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"

	"yunduo/wire"
)

// Invoke runs a function with an event (JSON; nil is the empty event) and returns its return value as JSON.
func (c *Client) Invoke(ctx context.Context, name string, event json.RawMessage) (json.RawMessage, error) {
	var body any
	if len(event) > 0 {
		body = event
	}
	var result json.RawMessage
	err := c.Do(ctx, "POST", c.appPath("/functions/%s", name), body, &result)
	return result, err
}

// Functions lists the app's functions by name.
func (c *Client) Functions(ctx context.Context) ([]wire.Function, error) {
	var reply wire.FunctionsResponse
	err := c.Do(ctx, "GET", c.managePath("/functions"), nil, &reply)
	return reply.Functions, err
}

// Deploy makes a new version of a function out of its folder's files and lets it answer from now on.
func (c *Client) Deploy(ctx context.Context, request wire.DeployRequest) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "PUT", c.managePath("/functions/%s", request.Name), request, &reply)
	return reply, err
}

// DeleteFunction removes a function with its versions and triggers.
func (c *Client) DeleteFunction(ctx context.Context, name string) error {
	return c.Do(ctx, "DELETE", c.managePath("/functions/%s", name), nil, nil)
}

// Versions lists the versions of a function, newest first.
func (c *Client) Versions(ctx context.Context, name string) ([]wire.FunctionVersion, error) {
	var reply wire.FunctionVersionsResponse
	err := c.Do(ctx, "GET", c.managePath("/functions/%s/versions", name), nil, &reply)
	return reply.Versions, err
}

// Rollback makes a version live again; 0 is the one before the live one.
func (c *Client) Rollback(ctx context.Context, name string, version int64) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "POST", c.managePath("/functions/%s/rollback", name), wire.FunctionRequest{Name: name, Version: version}, &reply)
	return reply, err
}

// Promote gives a version all calls; 0 is the one that shares them.
func (c *Client) Promote(ctx context.Context, name string, version int64) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "POST", c.managePath("/functions/%s/promote", name), wire.FunctionRequest{Name: name, Version: version}, &reply)
	return reply, err
}

// Function describes a function.
func (c *Client) Function(ctx context.Context, name string) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "GET", c.managePath("/functions/%s", name), nil, &reply)
	return reply, err
}

// FunctionReport tells what a version of a function holds, lacks and is vulnerable to; version 0 is the live one.
func (c *Client) FunctionReport(ctx context.Context, name string, version int64) (wire.FunctionReport, error) {
	var reply wire.FunctionReport
	err := c.Do(ctx, "POST", c.managePath("/functions/%s/report", name), wire.FunctionRequest{Name: name, Version: version}, &reply)
	return reply, err
}

// SetAlias makes an alias of a function lead to a version, or to two that share its calls; "live" is that of calls
// without one.
func (c *Client) SetAlias(ctx context.Context, name, alias string, to wire.Destination) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "PUT", c.managePath("/functions/%s/aliases/%s", name, alias), to, &reply)
	return reply, err
}

// DeleteAlias removes an alias of a function.
func (c *Client) DeleteAlias(ctx context.Context, name, alias string) error {
	return c.Do(ctx, "DELETE", c.managePath("/functions/%s/aliases/%s", name, alias), nil, nil)
}

// StartCanary gives a version more and more of the live calls while it does well.
func (c *Client) StartCanary(ctx context.Context, name string, request wire.CanaryRequest) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "POST", c.managePath("/functions/%s/canary", name), request, &reply)
	return reply, err
}

// StopCanary takes the calls back from the version of a running canary.
func (c *Client) StopCanary(ctx context.Context, name string) (wire.Function, error) {
	var reply wire.Function
	err := c.Do(ctx, "DELETE", c.managePath("/functions/%s/canary", name), nil, &reply)
	return reply, err
}

// Diff compares two versions of a function; 0 and 0 are the one that was live before, and the live one.
func (c *Client) Diff(ctx context.Context, name string, from, to int64) (wire.FunctionDiff, error) {
	var reply wire.FunctionDiff
	err := c.Do(ctx, "POST", c.managePath("/functions/%s/diff", name), wire.FunctionDiffRequest{Name: name, From: from, To: to}, &reply)
	return reply, err
}

// Stats tells what functions did, by minutes or hours.
func (c *Client) Stats(ctx context.Context, request wire.StatsRequest) (wire.StatsResponse, error) {
	var reply wire.StatsResponse
	err := c.Do(ctx, "POST", c.managePath("/stats"), request, &reply)
	return reply, err
}

// Logs returns invocation records, newest first.
func (c *Client) Logs(ctx context.Context, request wire.LogsRequest) (wire.LogsResponse, error) {
	var reply wire.LogsResponse
	err := c.Do(ctx, "POST", c.managePath("/logs"), request, &reply)
	return reply, err
}

// FollowLogs gives the records of invocations to a function as they end, those that the request wants by function, level,
// failed and search. It returns when ctx ends, the server stops, or the function returns an error.
func (c *Client) FollowLogs(ctx context.Context, request wire.LogsRequest, each func(wire.InvocationRecord) error) error {
	query := url.Values{"function": {request.Function}, "level": {request.Level}, "search": {request.Search}}
	if request.Failed {
		query.Set("failed", "true")
	}
	response, err := c.send(ctx, "GET", c.managePath("/logs/stream")+"?"+query.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		return refusal(response, text)
	}
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		var record wire.InvocationRecord
		if err := json.Unmarshal(data, &record); err != nil {
			return err
		}
		if err := each(record); err != nil {
			return err
		}
	}
}

// Trace tells where the time of an invocation went.
func (c *Client) Trace(ctx context.Context, id string) (wire.TraceResponse, error) {
	var reply wire.TraceResponse
	err := c.Do(ctx, "GET", c.managePath("/logs/%s", id), nil, &reply)
	return reply, err
}

// Record lets the next calls of a function be recorded; 0 ends that.
func (c *Client) Record(ctx context.Context, name string, calls int) error {
	return c.Do(ctx, "POST", c.managePath("/functions/%s/record", name), wire.RecordRequest{Name: name, Calls: calls}, nil)
}

// Recordings lists recorded calls, newest first; an empty function is all.
func (c *Client) Recordings(ctx context.Context, function string) ([]wire.Recording, error) {
	var reply wire.RecordingsResponse
	err := c.Do(ctx, "POST", c.managePath("/recordings"), wire.RecordingsRequest{Function: function}, &reply)
	return reply.Recordings, err
}

// Recording returns a recorded call as JSON.
func (c *Client) Recording(ctx context.Context, id string) (json.RawMessage, error) {
	var reply json.RawMessage
	err := c.Do(ctx, "GET", c.managePath("/recordings/%s", id), nil, &reply)
	return reply, err
}

package api

import (
	"context"
	"encoding/json"
	"io/fs"
	"unicode/utf8"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/bundle"
	"yunduo/triggers"
	"yunduo/wire"
)

// maxSourceText is how much of a source file is shown.
const maxSourceText = 256 << 10

func functionOperations() []*Operation {
	return []*Operation{
		row("functions.invoke", SignedIn, "Run a function with an event", invokeNamed),
		row("functions.start", SignedIn, "Accept an invocation that runs by itself", startFunction),
		row("functions.started", SignedIn, "Tell what became of an accepted invocation", startedFunction),
		row("functions.list", Owner, "List functions", listFunctions),
		row("functions.get", Owner, "Describe a function", getFunction),
		row("functions.deploy", Owner, "Deploy a function", deployFunction),
		row("functions.update", Owner, "Change the code or settings of a function", updateFunction),
		row("functions.delete", Owner, "Delete a function", deleteFunction),
		row("functions.versions", Owner, "List the versions of a function", functionVersions),
		row("functions.rollback", Owner, "Make an earlier version live", rollbackFunction),
		row("functions.report", Owner, "Tell what a version holds, lacks and is vulnerable to", functionReport),
		row("functions.source", Owner, "Show the files of a version", functionSource),
		row("functions.test", Owner, "Run a function under a chosen identity", testFunction),
		row("functions.logs", Owner, "List recent invocations", functionLogs),
		row("functions.trace", Owner, "Tell where the time of an invocation went", traceInvocation),
		row("functions.record", Owner, "Let the next calls of a function be recorded", recordFunction),
		row("functions.recordings", Owner, "List recorded calls", listRecordings),
		row("functions.recording", Owner, "Give a recorded call, to be run again elsewhere", getRecording),
		row("functions.stats", Owner, "Tell what functions did, by minutes or hours", functionStats),
	}
}

// Invoke runs a function and returns its result as JSON text. It is functions.invoke for surfaces on which the body is
// the event and the reply the bare result.
func (a *API) Invoke(ctx context.Context, call *Call, name string, event json.RawMessage) (json.RawMessage, error) {
	ctx, end := a.note(ctx, call, "functions.invoke", name)
	result, err := a.invoke(ctx, call, name, event)
	if end != nil {
		end(err)
	}
	return result, err
}

func (a *API) invoke(ctx context.Context, call *Call, name string, event json.RawMessage) (json.RawMessage, error) {
	if err := a.operations["functions.invoke"].admit(call); err != nil {
		return nil, err
	}
	ctx = withBaseURL(ctx, call.BaseURL)
	if call.Key == "" {
		result, err := a.rooms.Functions.Invoke(ctx, call.Caller, call.App, name, a.openCloudIDs(ctx, call, event), functions.InvokeOptions{Task: call.Task})
		return result.JSON, err
	}
	response, err := a.once(ctx, call, "functions.invoke", append([]byte(name+"\n"), event...), func(ctx context.Context) (any, error) {
		result, err := a.rooms.Functions.Invoke(ctx, call.Caller, call.App, name, a.openCloudIDs(ctx, call, event), functions.InvokeOptions{})
		return stored(result.JSON), err
	})
	if err != nil {
		return nil, err
	}
	return json.RawMessage(response.(stored)), nil
}

func invokeNamed(ctx context.Context, a *API, call *Call, req *wire.InvokeRequest) (*wire.InvokeResponse, error) {
	result, err := a.Invoke(ctx, call, req.Name, req.Data)
	if err != nil {
		return nil, err
	}
	return &wire.InvokeResponse{Result: result}, nil
}

func startFunction(ctx context.Context, a *API, call *Call, req *wire.StartRequest) (*wire.Started, error) {
	accepted, err := a.rooms.Functions.StartLater(ctx, call.Caller, call.App, req.Name, req.Data, req.IdempotencyKey, seconds(req.DelaySeconds))
	return wireStarted(accepted), err
}

func startedFunction(ctx context.Context, a *API, call *Call, req *wire.StartedRequest) (*wire.Started, error) {
	accepted, err := a.rooms.Functions.Started(ctx, call.Caller, call.App, req.ID)
	return wireStarted(accepted), err
}

func wireStarted(a functions.Accepted) *wire.Started {
	started := &wire.Started{
		ID: a.ID, Function: a.Function, State: string(a.State), InvocationID: a.InvocationID, Result: a.Result, AcceptedAt: a.AcceptedAt, DueAt: a.DueAt,
	}
	if !a.EndedAt.IsZero() {
		started.EndedAt = &a.EndedAt
	}
	if a.Failure != nil {
		body := wire.NewErrorBody(a.Failure, "")
		started.Error = &body
	}
	return started
}

func wireFunction(f functions.Function) wire.Function {
	v := f.Version
	function := wire.Function{
		Name: f.Name, Version: v.Number, Hash: v.Hash, Mode: string(v.Mode), SizeBytes: v.Size, TimeoutSeconds: v.Timeout.Seconds(),
		UpdatedAt: f.UpdatedAt, Warnings: v.Warnings, Live: wire.Destination(f.Live), Canary: wireCanary(f.Canary),
	}
	for alias, d := range f.Aliases {
		if function.Aliases == nil {
			function.Aliases = map[string]wire.Destination{}
		}
		function.Aliases[alias] = wire.Destination(d)
	}
	if v.Failure != nil {
		body := wire.NewErrorBody(v.Failure, "")
		function.Error = &body
	}
	return function
}

func listFunctions(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.FunctionsResponse, error) {
	list, err := a.rooms.Functions.List(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	response := &wire.FunctionsResponse{Functions: make([]wire.Function, len(list))}
	triggers, err := a.triggersOf(ctx, call)
	for i, f := range list {
		response.Functions[i] = wireFunction(f)
		response.Functions[i].Triggers = triggers[f.Name]
	}
	return response, err
}

// triggersOf counts an app's triggers by function.
func (a *API) triggersOf(ctx context.Context, call *Call) (map[string]int, error) {
	list, err := a.rooms.Triggers.List(ctx, call.Caller, call.App)
	count := map[string]int{}
	for _, t := range list {
		count[t.Function]++
	}
	return count, err
}

func getFunction(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.Function, error) {
	f, err := a.rooms.Functions.Get(ctx, call.Caller, call.App, req.Name)
	if err != nil {
		return nil, err
	}
	function := wireFunction(f)
	settings := f.Version.Settings
	function.Settings = &wire.FunctionSettings{
		TimeoutSeconds: settings.Timeout.Seconds(), Handler: settings.Handler, Env: settings.Env,
		Concurrency: settings.Concurrency, Unbundled: settings.Unbundled, OfficialSDK: settings.OfficialSDK, Serves: settings.Serves, Schema: json.RawMessage(settings.Schema),
	}
	triggers, err := a.triggersOf(ctx, call)
	function.Triggers = triggers[f.Name]
	return &function, err
}

func deployFunction(ctx context.Context, a *API, call *Call, req *wire.DeployRequest) (*wire.Function, error) {
	if err := a.rooms.Apps.Exists(ctx, call.App); err != nil {
		return nil, err
	}
	request := functions.DeployRequest{Name: req.Name, Prepare: req.Prepare, Settings: functions.Settings{
		Timeout: seconds(req.Settings.TimeoutSeconds), Handler: req.Settings.Handler, Env: req.Settings.Env,
		Concurrency: req.Settings.Concurrency, Unbundled: req.Settings.Unbundled, OfficialSDK: req.Settings.OfficialSDK, Serves: req.Settings.Serves, Schema: string(req.Settings.Schema),
	}}
	definitions := []triggers.Definition{}
	for _, t := range req.Settings.Triggers {
		request.Settings.Triggers = append(request.Settings.Triggers, functions.Trigger{Name: t.Name, Schedule: t.Config, TimeZone: t.TimeZone})
		definitions = append(definitions, definition(t))
	}
	var err error
	if request.Files, err = bundleFiles(req.Files); err != nil {
		return nil, err
	}
	version, err := a.rooms.Functions.Deploy(ctx, call.Caller, call.App, request)
	if err != nil {
		return nil, err
	}
	if req.Prepare {
		function := wireFunction(functions.Function{Name: req.Name, Version: version, UpdatedAt: version.CreatedAt})
		return &function, nil
	}
	if _, err := a.rooms.Triggers.Set(ctx, call.Caller, call.App, req.Name, definitions); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func definition(t wire.TriggerSpec) triggers.Definition {
	return triggers.Definition{Name: t.Name, Type: t.Type, Schedule: t.Config, TimeZone: t.TimeZone, Payload: t.Payload, Overlap: triggers.Overlap(t.Overlap)}
}

func bundleFiles(files []wire.DeployFile) ([]bundle.File, error) {
	var list []bundle.File
	for _, f := range files {
		if !fs.ValidPath(f.Path) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidBundle, "files: %q is not a path inside the function's folder", f.Path)
		}
		list = append(list, bundle.File{Path: f.Path, Data: f.Content})
	}
	return list, nil
}

func updateFunction(ctx context.Context, a *API, call *Call, req *wire.UpdateFunctionRequest) (*wire.Function, error) {
	change := functions.Change{Handler: req.Handler, Env: req.Env, OfficialSDK: req.OfficialSDK}
	if req.TimeoutSeconds != nil {
		limit := seconds(*req.TimeoutSeconds)
		change.Timeout = &limit
	}
	var err error
	if change.Files, err = bundleFiles(req.Files); err != nil {
		return nil, err
	}
	if _, err := a.rooms.Functions.Update(ctx, call.Caller, call.App, req.Name, change); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func deleteFunction(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.Empty, error) {
	if _, err := a.rooms.Triggers.Set(ctx, call.Caller, call.App, req.Name, nil); err != nil {
		return nil, err
	}
	return &wire.Empty{}, a.rooms.Functions.Delete(ctx, call.Caller, call.App, req.Name)
}

func functionVersions(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.FunctionVersionsResponse, error) {
	list, err := a.rooms.Functions.Versions(ctx, call.Caller, call.App, req.Name)
	if err != nil {
		return nil, err
	}
	response := &wire.FunctionVersionsResponse{Versions: make([]wire.FunctionVersion, len(list))}
	for i, v := range list {
		response.Versions[i] = wire.FunctionVersion{
			Number: v.Number, Hash: v.Hash, SizeBytes: v.Size, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, Live: v.Live, Percent: v.Percent, Aliases: v.Aliases, Warnings: v.Warnings,
		}
	}
	return response, nil
}

func rollbackFunction(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.Function, error) {
	if _, err := a.rooms.Functions.Rollback(ctx, call.Caller, call.App, req.Name, req.Version); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, req)
}

func functionSource(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.SourceResponse, error) {
	files, err := a.rooms.Functions.Source(ctx, call.Caller, call.App, req.Name, req.Version)
	if err != nil {
		return nil, err
	}
	response := &wire.SourceResponse{Files: make([]wire.SourceFile, len(files))}
	for i, f := range files {
		response.Files[i] = wire.SourceFile{Path: f.Path, Size: int64(len(f.Data))}
		if len(f.Data) <= maxSourceText && utf8.Valid(f.Data) {
			response.Files[i].Text = string(f.Data)
		}
	}
	return response, nil
}

// testFunction is how the console tries a function: what the code threw is part of the answer.
func testFunction(ctx context.Context, a *API, call *Call, req *wire.TestInvokeRequest) (*wire.TestInvokeResponse, error) {
	app, err := a.rooms.Apps.Get(ctx, call.App)
	if err != nil {
		return nil, err
	}
	options := functions.InvokeOptions{Source: functions.SourceClient, Lines: true, Record: req.Record}
	if req.OpenID != "" {
		options.AsUser = &yunduo.Caller{
			App: call.App, Role: yunduo.RoleUser, OpenID: req.OpenID, UserID: req.OpenID, Provider: "wechat", WeChatAppID: app.WeChat.AppID, ClientIP: call.Caller.ClientIP,
		}
	}
	begun := a.now()
	result, err := a.rooms.Functions.Invoke(withBaseURL(ctx, call.BaseURL), call.Caller, call.App, req.Name, req.Event, options)
	response := &wire.TestInvokeResponse{InvocationID: result.InvocationID, Result: result.JSON, Cold: result.Cold, DurationMS: milliseconds(a.now().Sub(begun))}
	for _, l := range result.Lines {
		response.Lines = append(response.Lines, wire.LogLine(l))
	}
	if err == nil {
		return response, nil
	}
	switch yunduo.AsError(err).Code() {
	case yunduo.CodeFunction, yunduo.CodeTimeout, yunduo.CodeTooLarge:
		body := wire.NewErrorBody(err, yunduo.RequestID(ctx))
		response.Error = &body
		return response, nil
	}
	return nil, err
}

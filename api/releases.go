package api

import (
	"context"

	"yunduo/functions"
	"yunduo/releases"
	"yunduo/triggers"
	"yunduo/wire"
)

func releaseOperations() []*Operation {
	return []*Operation{
		row("functions.promote", Owner, "Give a version all calls", promoteFunction),
		row("functions.setAlias", Owner, "Make an alias lead to a version, or to two that share its calls", setAlias),
		row("functions.deleteAlias", Owner, "Remove an alias", deleteAlias),
		row("functions.canary", Owner, "Give a version more and more calls while it does well", startCanary),
		row("functions.stopCanary", Owner, "Take the calls back from the version of a canary", stopCanary),
		row("functions.diff", Owner, "Compare two versions", diffFunction),
		row("releases.list", Owner, "List releases", listReleases),
		row("releases.create", Owner, "Put functions, triggers, rules and indexes live together", createRelease),
		row("releases.rollback", Owner, "Make everything as it was after a release", rollbackRelease),
		row("releases.diff", Owner, "Compare two releases", diffReleases),
	}
}

func promoteFunction(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.Function, error) {
	if _, err := a.rooms.Functions.Promote(ctx, call.Caller, call.App, req.Name, req.Version); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, req)
}

func setAlias(ctx context.Context, a *API, call *Call, req *wire.AliasRequest) (*wire.Function, error) {
	to := functions.Destination{Version: req.Version, Next: req.Next, Percent: req.Percent}
	if _, err := a.rooms.Functions.SetAlias(ctx, call.Caller, call.App, req.Name, req.Alias, to); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func deleteAlias(ctx context.Context, a *API, call *Call, req *wire.AliasRequest) (*wire.Function, error) {
	if _, err := a.rooms.Functions.DeleteAlias(ctx, call.Caller, call.App, req.Name, req.Alias); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func startCanary(ctx context.Context, a *API, call *Call, req *wire.CanaryRequest) (*wire.Function, error) {
	plan := functions.CanaryPlan{
		Version: req.Version, Steps: req.Steps, Every: seconds(req.EverySeconds), MaxErrors: req.MaxErrorPercent, MaxP99: seconds(req.MaxP99MS / 1000), MinCalls: req.MinCalls,
	}
	if _, err := a.rooms.Functions.StartCanary(ctx, call.Caller, call.App, req.Name, plan); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func stopCanary(ctx context.Context, a *API, call *Call, req *wire.FunctionRequest) (*wire.Function, error) {
	if _, err := a.rooms.Functions.StopCanary(ctx, call.Caller, call.App, req.Name); err != nil {
		return nil, err
	}
	return getFunction(ctx, a, call, &wire.FunctionRequest{Name: req.Name})
}

func wireCanary(c *functions.Canary) *wire.Canary {
	if c == nil {
		return nil
	}
	figures := func(f functions.CanaryFigures) wire.CanaryFigures {
		return wire.CanaryFigures{Calls: f.Calls, Errors: f.Errors, P99MS: milliseconds(f.P99)}
	}
	canary := &wire.Canary{
		Version: c.Version, Steps: c.Steps, EverySeconds: c.Every.Seconds(), MaxErrorPercent: *c.MaxErrors, MaxP99MS: milliseconds(c.MaxP99), MinCalls: c.MinCalls,
		State: string(c.State), Message: c.Message, Step: c.Step, Percent: c.Percent, StartedAt: c.StartedAt, StartedBy: c.StartedBy, StepAt: c.StepAt,
		Stable: figures(c.Stable), New: figures(c.New),
	}
	if !c.EndedAt.IsZero() {
		canary.EndedAt = &c.EndedAt
	}
	return canary
}

func diffFunction(ctx context.Context, a *API, call *Call, req *wire.FunctionDiffRequest) (*wire.FunctionDiff, error) {
	d, err := a.rooms.Functions.Diff(ctx, call.Caller, call.App, req.Name, req.From, req.To)
	if err != nil {
		return nil, err
	}
	response := &wire.FunctionDiff{From: d.From, To: d.To, Files: make([]wire.FileDiff, len(d.Files)), Settings: make([]wire.SettingDiff, len(d.Settings))}
	for i, f := range d.Files {
		response.Files[i] = wire.FileDiff(f)
	}
	for i, setting := range d.Settings {
		response.Settings[i] = wire.SettingDiff(setting)
	}
	return response, nil
}

func wireRelease(r releases.Release) wire.Release {
	return wire.Release{
		Number: r.Number, Live: r.Live, Restores: r.Restores, Note: r.Note, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		Functions: r.Functions, Triggers: r.Triggers, Rules: r.Rules, Indexes: r.Indexes, Warnings: r.Warnings,
	}
}

func listReleases(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.ReleasesResponse, error) {
	list, err := a.rooms.Releases.List(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	response := &wire.ReleasesResponse{Releases: make([]wire.Release, len(list))}
	for i, r := range list {
		response.Releases[i] = wireRelease(r)
	}
	return response, nil
}

func createRelease(ctx context.Context, a *API, call *Call, req *wire.ReleaseRequest) (*wire.Release, error) {
	request := releases.Request{Functions: req.Functions, Triggers: map[string][]triggers.Definition{}, Rules: req.Rules, Texts: map[string]string{}, Note: req.Note}
	for function, list := range req.Triggers {
		definitions := []triggers.Definition{}
		for _, t := range list {
			definitions = append(definitions, definition(t))
		}
		request.Triggers[function] = definitions
	}
	for name, text := range map[string]*string{releases.FileRules: req.FileRules, releases.FunctionRules: req.FunctionRules} {
		if text != nil {
			request.Texts[name] = *text
		}
	}
	if req.Routes != nil {
		request.Texts[releases.Routes] = string(req.Routes)
	}
	for _, i := range req.Indexes {
		index, err := a.index(i.Index)
		if err != nil {
			return nil, err
		}
		request.Indexes = append(request.Indexes, releases.Index{Collection: i.Collection, Index: index})
	}
	r, err := a.rooms.Releases.Create(ctx, call.Caller, call.App, request)
	if err != nil {
		return nil, err
	}
	release := wireRelease(r)
	return &release, nil
}

func rollbackRelease(ctx context.Context, a *API, call *Call, req *wire.RollbackReleaseRequest) (*wire.Release, error) {
	r, err := a.rooms.Releases.Rollback(ctx, call.Caller, call.App, req.Number, req.DropIndexes)
	if err != nil {
		return nil, err
	}
	release := wireRelease(r)
	return &release, nil
}

func diffReleases(ctx context.Context, a *API, call *Call, req *wire.ReleaseDiffRequest) (*wire.ReleaseDiff, error) {
	d, err := a.rooms.Releases.Diff(ctx, call.Caller, call.App, req.From, req.To)
	if err != nil {
		return nil, err
	}
	response := &wire.ReleaseDiff{From: d.From, To: d.To, Changes: make([]wire.ReleaseChange, len(d.Changes))}
	for i, c := range d.Changes {
		response.Changes[i] = wire.ReleaseChange(c)
	}
	return response, nil
}

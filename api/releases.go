package api

import (
	"context"

	"yunduo/functions"
	"yunduo/wire"
)

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

package api

import (
	"context"

	"yunduo/apps"
	"yunduo/wire"
)

func secretOperations() []*Operation {
	return []*Operation{
		row("secrets.list", Owner, "List variables and secrets of functions, secrets without their values", listVariables),
		row("secrets.set", Owner, "Set a variable or a secret of functions", setVariable),
		row("secrets.delete", Owner, "Delete a variable or a secret of functions", deleteVariable),
	}
}

func listVariables(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.VariablesResponse, error) {
	list, err := a.rooms.Apps.Variables(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	response := &wire.VariablesResponse{Variables: make([]wire.Variable, len(list))}
	for i, v := range list {
		response.Variables[i] = wire.Variable(v)
	}
	return response, nil
}

func setVariable(ctx context.Context, a *API, call *Call, req *wire.SetVariableRequest) (*wire.Empty, error) {
	v := apps.Variable{Function: req.Function, Name: req.Name, Value: req.Value, Secret: req.Secret}
	if err := a.rooms.Apps.SetVariable(ctx, call.Caller, call.App, v); err != nil {
		return nil, err
	}
	return &wire.Empty{}, a.rooms.Functions.Reload(ctx, call.App, req.Function)
}

func deleteVariable(ctx context.Context, a *API, call *Call, req *wire.DeleteVariableRequest) (*wire.Empty, error) {
	if err := a.rooms.Apps.DeleteVariable(ctx, call.Caller, call.App, req.Function, req.Name); err != nil {
		return nil, err
	}
	return &wire.Empty{}, a.rooms.Functions.Reload(ctx, call.App, req.Function)
}

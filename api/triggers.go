package api

import (
	"context"

	"yunduo/triggers"
	"yunduo/wire"
)

func triggerOperations() []*Operation {
	return []*Operation{
		row("triggers.list", Owner, "List triggers with their next runs", listTriggers),
		row("triggers.add", Owner, "Give a function triggers beside those that it has", addTriggers),
		row("triggers.remove", Owner, "Take a trigger from a function", removeTrigger),
		row("triggers.run", Owner, "Run a trigger now", runTrigger),
		row("triggers.enable", Owner, "Switch a trigger on or off", enableTrigger),
		row("triggers.history", Owner, "List the firings of a trigger", triggerHistory),
	}
}

func wireFiring(f triggers.Firing) wire.Firing {
	return wire.Firing{
		ID: f.ID, DueAt: f.DueAt, StartedAt: f.StartedAt, DurationMS: milliseconds(f.Duration), Status: string(f.Status),
		Message: f.Message, InvocationID: f.InvocationID, Manual: f.Manual,
	}
}

func wireTrigger(t triggers.Trigger) wire.Trigger {
	trigger := wire.Trigger{
		Function: t.Function, Name: t.Name, Type: "timer", Schedule: t.Schedule, TimeZone: t.TimeZone,
		Overlap: string(t.Overlap), Enabled: t.Enabled, NextRuns: t.NextRuns,
	}
	if t.Last != nil {
		last := wireFiring(*t.Last)
		trigger.Last = &last
	}
	if t.Warning != "" {
		trigger.Warnings = []string{t.Warning}
	}
	return trigger
}

func listTriggers(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.TriggersResponse, error) {
	list, err := a.rooms.Triggers.List(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	return wireTriggers(list), nil
}

func wireTriggers(list []triggers.Trigger) *wire.TriggersResponse {
	response := &wire.TriggersResponse{Triggers: make([]wire.Trigger, len(list))}
	for i, t := range list {
		response.Triggers[i] = wireTrigger(t)
	}
	return response
}

func addTriggers(ctx context.Context, a *API, call *Call, req *wire.AddTriggersRequest) (*wire.TriggersResponse, error) {
	if _, err := a.rooms.Functions.Get(ctx, call.Caller, call.App, req.Function); err != nil {
		return nil, err
	}
	definitions := make([]triggers.Definition, len(req.Triggers))
	for i, t := range req.Triggers {
		definitions[i] = definition(t)
	}
	list, err := a.rooms.Triggers.Add(ctx, call.Caller, call.App, req.Function, definitions)
	if err != nil {
		return nil, err
	}
	return wireTriggers(list), nil
}

func removeTrigger(ctx context.Context, a *API, call *Call, req *wire.TriggerRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Triggers.Remove(ctx, call.Caller, call.App, req.Function, req.Name)
}

func runTrigger(ctx context.Context, a *API, call *Call, req *wire.TriggerRequest) (*wire.Firing, error) {
	f, err := a.rooms.Triggers.RunNow(ctx, call.Caller, call.App, req.Function, req.Name)
	if err != nil {
		return nil, err
	}
	firing := wireFiring(f)
	return &firing, nil
}

func enableTrigger(ctx context.Context, a *API, call *Call, req *wire.EnableTriggerRequest) (*wire.Trigger, error) {
	t, err := a.rooms.Triggers.Enable(ctx, call.Caller, call.App, req.Function, req.Name, req.Enabled)
	if err != nil {
		return nil, err
	}
	trigger := wireTrigger(t)
	return &trigger, nil
}

func triggerHistory(ctx context.Context, a *API, call *Call, req *wire.TriggerRequest) (*wire.FiringsResponse, error) {
	list, err := a.rooms.Triggers.History(ctx, call.Caller, call.App, req.Function, req.Name, req.Limit)
	if err != nil {
		return nil, err
	}
	response := &wire.FiringsResponse{Firings: make([]wire.Firing, len(list))}
	for i, f := range list {
		response.Firings[i] = wireFiring(f)
	}
	return response, nil
}

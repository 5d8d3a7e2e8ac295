package server

import (
	"context"
	"encoding/json"

	"yunduo"
	"yunduo/apps"
	"yunduo/functions"
)

// invoker lets triggers run functions without knowing the room of functions.
type invoker struct {
	apps      *apps.Registry
	functions *functions.Service
}

// InvokeTrigger runs a function as its app's trigger.
func (i invoker) InvokeTrigger(ctx context.Context, app yunduo.AppID, function string, event json.RawMessage) (string, error) {
	if err := i.apps.Exists(ctx, app); err != nil { // deleted, and perhaps to come back
		return "", err
	}
	result, err := i.functions.Invoke(ctx, yunduo.Caller{App: app, Role: yunduo.RoleTrigger}, app, function, event, functions.InvokeOptions{Source: functions.SourceTimer})
	return result.InvocationID, err
}

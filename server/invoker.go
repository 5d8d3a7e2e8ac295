package server

import (
	"context"
	"encoding/json"

	"yunduo"
	"yunduo/functions"
)

// invoker lets triggers run functions without knowing the room of functions.
type invoker struct{ functions *functions.Service }

// InvokeTrigger runs a function as its app's trigger.
func (i invoker) InvokeTrigger(ctx context.Context, app yunduo.AppID, function string, event json.RawMessage) (string, error) {
	result, err := i.functions.Invoke(ctx, yunduo.Caller{App: app, Role: yunduo.RoleTrigger}, app, function, event, functions.InvokeOptions{Source: functions.SourceTimer})
	return result.InvocationID, err
}

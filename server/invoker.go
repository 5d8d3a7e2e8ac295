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

// InvokeWeChat runs a function with what WeChat sent, on behalf of the user it is about.
func (i invoker) InvokeWeChat(ctx context.Context, app yunduo.AppID, function, openID, wechatAppID string, event json.RawMessage) (json.RawMessage, error) {
	caller := yunduo.Caller{App: app, Role: yunduo.RoleTrigger, OpenID: openID, WeChatAppID: wechatAppID}
	if openID != "" {
		caller.Provider = "wechat"
	}
	result, err := i.functions.Invoke(ctx, caller, app, function, event, functions.InvokeOptions{Source: functions.SourceWeChat})
	return result.JSON, err
}

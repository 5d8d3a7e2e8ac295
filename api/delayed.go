package api

import (
	"context"
	"encoding/json"
	"time"

	"yunduo"
	"yunduo/wire"
)

// WeChat's server would call a function of its own cloud after a while. Here the platform does.
const (
	delayedAPI  = "cloudbase.addDelayedFunctionTask"
	delayedPath = "tcb.adddelayedfunctiontask"

	leastDelay = 6 * time.Second // as WeChat has it
)

// callLater is WeChat's addDelayedFunctionTask: function_name, delay_time in seconds, data as JSON text, and env, which
// names this app whatever it says, as elsewhere inside functions.
func callLater(ctx context.Context, a *API, call *Call, data map[string]json.RawMessage) (*wire.WeChatCallResponse, error) {
	var name, text string
	var delay float64
	for _, member := range []struct {
		names [2]string
		into  any
	}{{[2]string{"function_name", "functionName"}, &name}, {[2]string{"delay_time", "delayTime"}, &delay}, {[2]string{"data", "data"}, &text}} {
		raw := data[member.names[0]]
		if raw == nil {
			raw = data[member.names[1]]
		}
		if raw == nil || json.Unmarshal(raw, member.into) != nil {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: functionName and data must be texts and delayTime a number of seconds", delayedAPI)
		}
	}
	if !json.Valid([]byte(text)) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: data is not JSON text", delayedAPI)
	}
	if delay < leastDelay.Seconds() {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: delayTime is less than %v", delayedAPI, leastDelay)
	}
	if _, err := a.rooms.Functions.StartLater(ctx, call.inApp(), call.App, name, json.RawMessage(text), "", seconds(delay)); err != nil {
		return nil, err
	}
	return &wire.WeChatCallResponse{ContentType: "application/json", Body: json.RawMessage(`{"errcode":0,"errmsg":"ok"}`)}, nil
}

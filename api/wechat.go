package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"yunduo"
	"yunduo/apps"
	"yunduo/wechat"
	"yunduo/wire"
)

func wechatOperations() []*Operation {
	return []*Operation{
		row("wechat.openapi", Privileged, "Call a server API of WeChat's", callWeChat),
		row("wechat.openData", Privileged, "Open cloud IDs", openData),
		row("wechat.pay", Privileged, "Call WeChat Pay", payWeChat),
		row("wechat.settings", Owner, "Show an app's settings for WeChat", wechatSettings),
		row("wechat.setSettings", Owner, "Change an app's settings for WeChat", setWeChatSettings),
	}
}

func callWeChat(ctx context.Context, a *API, call *Call, req *wire.WeChatCallRequest) (*wire.WeChatCallResponse, error) {
	if req.API == delayedAPI || req.API == delayedPath {
		return callLater(ctx, a, call, req.Data)
	}
	request := wechat.Request{API: req.API, Method: req.Method, Data: req.Data}
	if f := req.File; f != nil {
		request.File = &wechat.File{Field: f.Field, Name: f.Name, ContentType: f.ContentType, Content: call.Attachment}
		if f.Content != nil {
			request.File.Content = f.Content
		}
	}
	response, err := a.rooms.WeChat.Call(ctx, call.Caller, call.App, request)
	if err != nil {
		return nil, err
	}
	reply := &wire.WeChatCallResponse{ContentType: response.ContentType}
	if response.JSON {
		reply.Body = response.Body
	} else {
		call.ResponseAttachment = response.Body
	}
	return reply, nil
}

func openData(ctx context.Context, a *API, call *Call, req *wire.OpenDataRequest) (*wire.OpenDataResponse, error) {
	list, err := a.rooms.WeChat.OpenData(ctx, call.inApp(), call.App, req.List)
	if err != nil {
		return nil, err
	}
	return &wire.OpenDataResponse{List: list}, nil
}

func payWeChat(ctx context.Context, a *API, call *Call, req *wire.PayRequest) (*wire.PayResponse, error) {
	result, err := a.rooms.WeChat.Pay(ctx, call.Caller, call.App, req.API, call.BaseURL, req.Data)
	if err != nil {
		return nil, err
	}
	return &wire.PayResponse{Result: result}, nil
}

func wechatSettings(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.WeChatSettings, error) {
	app, err := a.rooms.Apps.Get(ctx, call.App)
	if err != nil {
		return nil, err
	}
	s, err := a.rooms.WeChat.Settings(ctx, call.App)
	if err != nil {
		return nil, err
	}
	settings := &wire.WeChatSettings{
		AppID: app.WeChat.AppID, HasSecret: app.WeChat.HasSecret, HasToken: s.Push.Token != "", HasAESKey: s.Push.AESKey != "",
		Routes: make([]wire.WeChatRoute, len(s.Push.Routes)), PushURL: call.BaseURL + "/v1/apps/" + string(call.App) + "/wechat/push",
	}
	standIn, plays, err := a.rooms.WeChat.StandIn(ctx, call.App)
	if err != nil {
		return nil, err
	}
	if plays {
		settings.StandIn = &wire.WeChatStandIn{URL: standIn.Endpoint, AppID: standIn.AppID, MerchantID: standIn.Merchant.ID}
	}
	for i, r := range s.Push.Routes {
		settings.Routes[i] = wire.WeChatRoute(r)
	}
	if m := s.Merchant; m.ID != "" {
		settings.Merchant = &wire.WeChatMerchant{ID: m.ID, Serial: m.Serial, PublicKeyID: m.PublicKeyID, ProviderAppID: m.ProviderAppID, SubMerchants: m.SubMerchants}
	}
	return settings, nil
}

func setWeChatSettings(ctx context.Context, a *API, call *Call, req *wire.WeChatSettingsRequest) (*wire.WeChatSettings, error) {
	change := wechat.Change{Token: req.Token, AESKey: req.AESKey}
	if m := req.Merchant; m != nil {
		merchant := wechat.Merchant(*m)
		change.Merchant = &merchant
	}
	if req.Routes != nil {
		routes := make([]wechat.Route, len(*req.Routes))
		for i, r := range *req.Routes {
			routes[i] = wechat.Route(r)
		}
		change.Routes = &routes
	}
	if _, err := a.rooms.WeChat.SetSettings(ctx, call.Caller, call.App, change); err != nil {
		return nil, err
	}
	if req.AppID != nil || req.Secret != nil {
		if _, err := a.rooms.Apps.Update(ctx, call.Caller, call.App, apps.Change{WeChatAppID: req.AppID, WeChatSecret: req.Secret}); err != nil {
			return nil, err
		}
	}
	return wechatSettings(ctx, a, call, &wire.Empty{})
}

// NotifyPayment takes a notification of WeChat Pay, which proves itself by its signature.
func (a *API) NotifyPayment(ctx context.Context, app yunduo.AppID, baseURL, kind, function, proof string, header http.Header, body []byte) error {
	return a.rooms.WeChat.Notify(withBaseURL(ctx, baseURL), wechat.Notification{App: app, Kind: kind, Function: function, Proof: proof, Header: header, Body: body})
}

// ProvePush answers WeChat's question whether the address for its message push is the app's.
func (a *API) ProvePush(ctx context.Context, app yunduo.AppID, query url.Values) (wechat.Reply, error) {
	return a.rooms.WeChat.Prove(ctx, wechat.Message{App: app, Query: query})
}

// ReceivePush takes a message of WeChat's message push, which proves itself by its signature.
func (a *API) ReceivePush(ctx context.Context, app yunduo.AppID, baseURL string, query url.Values, body []byte) (wechat.Reply, error) {
	return a.rooms.WeChat.Receive(withBaseURL(ctx, baseURL), wechat.Message{App: app, Query: query, Body: body})
}

var cloudIDMember = []byte(`"cloudID"`)

// openCloudIDs replaces the cloud IDs that an end user's event has at its top by what they stand for, {cloudID, data},
// as WeChat's own platform does. Events without any stay as they are.
func (a *API) openCloudIDs(ctx context.Context, call *Call, event json.RawMessage) json.RawMessage {
	if !call.Caller.EndUser() || !bytes.Contains(event, cloudIDMember) {
		return event
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(event, &members) != nil {
		return event
	}
	var names, ids []string
	for name, value := range members {
		if id, ok := cloudID(value); ok {
			names, ids = append(names, name), append(ids, id)
		}
	}
	if len(ids) == 0 {
		return event
	}
	opened, err := a.rooms.WeChat.OpenData(ctx, call.Caller, call.App, ids)
	if err != nil { // the function learns which ones could not be opened; it may not need them
		a.logger.Warn("cloud IDs of an event could not be opened", "app", string(call.App), "error", err)
		e := yunduo.AsError(err)
		for i, id := range ids {
			failure, _ := json.Marshal(map[string]any{"cloudID": id, "errCode": e.Reason.ErrCode(), "errMsg": e.Message}) // cannot fail
			members[names[i]] = failure
		}
	}
	for i, value := range opened {
		members[names[i]] = value
	}
	text, err := json.Marshal(members)
	if err != nil {
		return event
	}
	return text
}

// cloudID reads what the mini-program SDK's CloudID(...) becomes on the wire: an object with that one member.
func cloudID(value json.RawMessage) (string, bool) {
	if len(value) == 0 || value[0] != '{' || !bytes.Contains(value, cloudIDMember) {
		return "", false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil || len(members) != 1 {
		return "", false
	}
	var id string
	return id, json.Unmarshal(members["cloudID"], &id) == nil
}

package api

import (
	"context"
	"time"

	"yunduo"
	"yunduo/apps"
	"yunduo/wire"
)

func manageOperations() []*Operation {
	return []*Operation{
		row("server.info", Operator, "Describe the server", serverInfo),
		row("apps.list", Owner, "List the apps the caller administers", listApps),
		row("apps.create", Operator, "Create an app", createApp),
		row("apps.get", Owner, "Describe an app", getApp),
		row("apps.update", Owner, "Change an app's settings", updateApp),
		row("apps.delete", Operator, "Delete an app with everything it has", deleteApp),
		row("apps.deleted", Operator, "List the deleted apps that can be brought back", deletedApps),
		row("apps.undelete", Operator, "Bring a deleted app back", undeleteApp),
		row("apps.purge", Operator, "Drop for good what a deleted app has", purgeApp),
		row("apps.createKey", Owner, "Make credentials of an app", createKey),
		row("apps.metrics", Owner, "An app's recent activity", metrics),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func serverInfo(_ context.Context, a *API, _ *Call, _ *wire.Empty) (*wire.ServerInfo, error) {
	return &wire.ServerInfo{Version: a.info.Version, Isolation: a.info.Isolation, Protocol: wire.Version}, nil
}

func wireApp(app apps.App) *wire.App {
	return &wire.App{
		ID: string(app.ID), Name: app.Name, WeChatAppID: app.WeChat.AppID, HasSecret: app.WeChat.HasSecret,
		AllowedOrigins: app.AllowedOrigins, Destinations: app.Destinations, CreatedAt: app.CreatedAt,
		ChangeLog: wire.ChangeLog{AgeSeconds: int64(app.ChangeLog.Age / time.Second), Bytes: app.ChangeLog.Bytes}, LogDays: app.LogDays,
	}
}

func changeLogOf(c *wire.ChangeLog) *apps.ChangeLog {
	if c == nil {
		return nil
	}
	age := time.Duration(c.AgeSeconds) * time.Second
	if age/time.Second != time.Duration(c.AgeSeconds) {
		age = -1 // longer than there are words for
	}
	return &apps.ChangeLog{Age: age, Bytes: c.Bytes}
}

func listApps(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.AppsResponse, error) {
	list, err := a.rooms.Apps.List(ctx, call.Caller)
	if err != nil {
		return nil, err
	}
	response := &wire.AppsResponse{Apps: make([]wire.App, len(list))}
	for i, app := range list {
		response.Apps[i] = *wireApp(app)
	}
	return response, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func createApp(ctx context.Context, a *API, call *Call, req *wire.AppRequest) (*wire.App, error) {
	app := apps.App{ID: yunduo.AppID(req.ID), Name: text(req.Name), WeChat: apps.WeChat{AppID: text(req.WeChatAppID), Secret: text(req.WeChatSecret)}}
	if req.Destinations != nil {
		app.Destinations = *req.Destinations
	}
	if req.AllowedOrigins != nil {
		app.AllowedOrigins = *req.AllowedOrigins
	}
	if log := changeLogOf(req.ChangeLog); log != nil {
		app.ChangeLog = *log
	}
	if req.LogDays != nil {
		app.LogDays = *req.LogDays
	}
	made, err := a.rooms.Apps.Create(ctx, call.Caller, app)
	if err != nil {
		return nil, err
	}
	return wireApp(made), nil
}

func getApp(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.App, error) {
	app, err := a.rooms.Apps.Get(ctx, call.App)
	if err != nil {
		return nil, err
	}
	return wireApp(app), nil
}

func updateApp(ctx context.Context, a *API, call *Call, req *wire.AppRequest) (*wire.App, error) {
	app, err := a.rooms.Apps.Update(ctx, call.Caller, call.App, apps.Change{
		Name: req.Name, WeChatAppID: req.WeChatAppID, WeChatSecret: req.WeChatSecret, AllowedOrigins: req.AllowedOrigins, Destinations: req.Destinations,
		ChangeLog: changeLogOf(req.ChangeLog), LogDays: req.LogDays,
	})
	if err != nil {
		return nil, err
	}
	return wireApp(app), nil
}

func deleteApp(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Apps.Delete(ctx, call.Caller, call.App)
}

func deletedApps(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.DeletedAppsResponse, error) {
	list, err := a.rooms.Apps.Deleted(ctx, call.Caller)
	if err != nil {
		return nil, err
	}
	response := &wire.DeletedAppsResponse{Apps: make([]wire.DeletedApp, len(list))}
	for i, d := range list {
		response.Apps[i] = wire.DeletedApp{App: *wireApp(d.App), DeletedAt: d.DeletedAt, Until: d.Until}
	}
	return response, nil
}

func undeleteApp(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.App, error) {
	app, err := a.rooms.Apps.Restore(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	return wireApp(app), nil
}

func purgeApp(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Apps.Purge(ctx, call.Caller, call.App)
}

func createKey(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.AppKeys, error) {
	key, err := a.rooms.Apps.CreateKey(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	return &wire.AppKeys{APIKey: key.APIKey, SecretID: key.SecretID, SecretKey: key.SecretKey}, nil
}

func metrics(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.MetricsResponse, error) {
	if err := a.rooms.Apps.Exists(ctx, call.App); err != nil {
		return nil, err
	}
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	collections, err := s.Collections(ctx)
	if err != nil {
		return nil, err
	}
	list, err := a.rooms.Functions.List(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	users, err := a.rooms.Auth.CountUsers(ctx, call.Caller, call.App)
	if err != nil {
		return nil, err
	}
	response := &wire.MetricsResponse{Functions: len(list), Collections: len(collections), Users: users, Isolation: a.info.Isolation}
	for _, c := range collections {
		response.Documents += c.Documents
		response.Bytes += c.Bytes
	}
	return response, a.activity(ctx, call, response)
}

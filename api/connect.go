package api

import (
	"context"
	"net"

	"yunduo"
	"yunduo/functions"
)

// Connect returns a connection to a function for one HTTP exchange, see functions.Service.Connect. It is
// functions.invoke for requests that a route has led here: the route says who may pass.
func (a *API) Connect(ctx context.Context, call *Call, target functions.Target, upgrade bool) (net.Conn, error) {
	options := functions.ConnectOptions{Upgrade: upgrade}
	switch target.Auth {
	case functions.AccessPublic:
		options.Public = true
	case functions.AccessKey:
		if call.Caller.Role != "" && !call.Caller.MayManage(call.App) {
			return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "the route %s takes requests with a key of the app only", target.Path)
		}
		fallthrough
	default:
		if err := a.operations["functions.invoke"].admit(call); err != nil {
			return nil, err
		}
	}
	return a.rooms.Functions.Connect(withBaseURL(ctx, call.BaseURL), call.Caller, call.App, target.Function, options)
}

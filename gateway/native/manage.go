package native

import (
	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// manageRoutes is the owner's surface: method, path below /v1/manage, operation. Path parameters other than the app
// become fields of the request.
var manageRoutes = []struct{ method, path, operation string }{
	{"POST", "/session", "operators.login"},
	{"GET", "/server", "server.info"},
	{"GET", "/apps", "apps.list"},
	{"POST", "/apps", "apps.create"},
	{"GET", "/apps/:app", "apps.get"},
	{"PATCH", "/apps/:app", "apps.update"},
	{"DELETE", "/apps/:app", "apps.delete"},
	{"GET", "/deletedApps", "apps.deleted"},
	{"POST", "/deletedApps/:app/restore", "apps.undelete"},
	{"DELETE", "/deletedApps/:app", "apps.purge"},
	{"POST", "/apps/:app/keys", "apps.createKey"},
	{"GET", "/apps/:app/metrics", "apps.metrics"},

	{"POST", "/apps/:app/users", "users.create"},
	{"POST", "/apps/:app/users/list", "users.list"},
	{"POST", "/apps/:app/users/find", "users.find"},
	{"DELETE", "/apps/:app/users/:id", "users.delete"},
	{"GET", "/apps/:app/users/:id", "users.get"},
	{"PUT", "/apps/:app/users/:id/password", "users.setPassword"},
	{"GET", "/apps/:app/users/:id/sessions", "users.sessions"},
	{"DELETE", "/apps/:app/users/:id/sessions/:session", "users.revokeSession"},
	{"POST", "/apps/:app/token", "auth.clientToken"},
	{"POST", "/apps/:app/ticketKeys", "ticketKeys.create"},
	{"GET", "/apps/:app/ticketKeys", "ticketKeys.list"},
	{"DELETE", "/apps/:app/ticketKeys/:key", "ticketKeys.delete"},

	{"GET", "/apps/:app/functions", "functions.list"},
	{"PUT", "/apps/:app/functions/:name", "functions.deploy"},
	{"GET", "/apps/:app/functions/:name", "functions.get"},
	{"PATCH", "/apps/:app/functions/:name", "functions.update"},
	{"DELETE", "/apps/:app/functions/:name", "functions.delete"},
	{"GET", "/apps/:app/functions/:name/versions", "functions.versions"},
	{"POST", "/apps/:app/functions/:name/source", "functions.source"},
	{"POST", "/apps/:app/functions/:name/report", "functions.report"},
	{"POST", "/apps/:app/functions/:name/invoke", "functions.test"},
	{"POST", "/apps/:app/functions/:name/rollback", "functions.rollback"},
	{"POST", "/apps/:app/functions/:name/promote", "functions.promote"},
	{"PUT", "/apps/:app/functions/:name/aliases/:alias", "functions.setAlias"},
	{"DELETE", "/apps/:app/functions/:name/aliases/:alias", "functions.deleteAlias"},
	{"POST", "/apps/:app/functions/:name/canary", "functions.canary"},
	{"DELETE", "/apps/:app/functions/:name/canary", "functions.stopCanary"},
	{"POST", "/apps/:app/functions/:name/diff", "functions.diff"},
	{"GET", "/apps/:app/releases", "releases.list"},
	{"POST", "/apps/:app/releases", "releases.create"},
	{"POST", "/apps/:app/releases/rollback", "releases.rollback"},
	{"POST", "/apps/:app/releases/diff", "releases.diff"},
	{"POST", "/apps/:app/logs", "functions.logs"},
	{"GET", "/apps/:app/logs/:id", "functions.trace"},
	{"POST", "/apps/:app/stats", "functions.stats"},
	{"POST", "/apps/:app/functions/:name/record", "functions.record"},
	{"POST", "/apps/:app/recordings", "functions.recordings"},
	{"GET", "/apps/:app/recordings/:id", "functions.recording"},

	{"GET", "/apps/:app/collections", "collections.list"},
	{"POST", "/apps/:app/collections", "collections.create"},
	{"DELETE", "/apps/:app/collections/:collection", "collections.drop"},
	{"POST", "/apps/:app/collections/:collection/rename", "collections.rename"},
	{"GET", "/apps/:app/usage", "collections.usage"},
	{"GET", "/apps/:app/collections/:collection/rules", "collections.rules"},
	{"PUT", "/apps/:app/collections/:collection/rules", "collections.setRules"},
	{"GET", "/apps/:app/rules/files", "files.rules"},
	{"PUT", "/apps/:app/rules/files", "files.setRules"},
	{"GET", "/apps/:app/rules/functions", "functions.rules"},
	{"PUT", "/apps/:app/rules/functions", "functions.setRules"},
	{"GET", "/apps/:app/routes", "functions.routes"},
	{"PUT", "/apps/:app/routes", "functions.setRoutes"},
	{"POST", "/apps/:app/rules/test", "rules.test"},
	{"GET", "/apps/:app/collections/:collection/indexes", "indexes.list"},
	{"POST", "/apps/:app/collections/:collection/indexes", "indexes.create"},
	{"DELETE", "/apps/:app/collections/:collection/indexes/:name", "indexes.drop"},

	{"POST", "/apps/:app/collections/:collection/history", "history.list"},
	{"POST", "/apps/:app/collections/:collection/restore", "history.restore"},
	{"GET", "/apps/:app/trash", "trash.list"},
	{"POST", "/apps/:app/trash/:id/restore", "trash.restore"},
	{"DELETE", "/apps/:app/trash/:id", "trash.delete"},
	{"POST", "/apps/:app/restore", "apps.restore"},
	{"GET", "/apps/:app/restore", "apps.restoreStatus"},

	{"GET", "/apps/:app/variables", "secrets.list"},
	{"PUT", "/apps/:app/variables", "secrets.set"},
	{"POST", "/apps/:app/variables/delete", "secrets.delete"},

	{"GET", "/apps/:app/wechat", "wechat.settings"},
	{"PUT", "/apps/:app/wechat", "wechat.setSettings"},

	{"GET", "/apps/:app/triggers", "triggers.list"},
	{"POST", "/apps/:app/triggers/:function", "triggers.add"},
	{"DELETE", "/apps/:app/triggers/:function/:name", "triggers.remove"},
	{"POST", "/apps/:app/triggers/:function/:name/run", "triggers.run"},
	{"POST", "/apps/:app/triggers/:function/:name/enable", "triggers.enable"},
	{"GET", "/apps/:app/triggers/:function/:name/history", "triggers.history"},
}

func (s *surface) mountManage(g *echo.Group) {
	for _, r := range manageRoutes {
		g.Add(r.method, r.path, s.manage(r.operation))
	}
	g.GET("/apps/:app/logs/stream", s.streamLogs)
	s.mountTransfer(g)
}

func (s *surface) manage(operation string) echo.HandlerFunc {
	return func(c echo.Context) error {
		fields := map[string]string{}
		for _, name := range c.ParamNames() {
			if name != "app" {
				fields[name] = c.Param(name)
			}
		}
		return s.do(c, operation, yunduo.AppID(c.Param("app")), fields)
	}
}

// streamLogs sends invocation records as server-sent events while the client listens.
func (s *surface) streamLogs(c echo.Context) error {
	app := yunduo.AppID(c.Param("app"))
	call, err := s.call(c, app)
	if err != nil {
		return err
	}
	records, stop, err := s.API.FollowLogs(c.Request().Context(), call, &wire.LogsRequest{
		Function: c.QueryParam("function"), Level: c.QueryParam("level"), Search: c.QueryParam("search"), Failed: c.QueryParam("failed") == "true",
	})
	if err != nil {
		return err
	}
	defer stop()
	return exchange.Events(c, records, s.Draining)
}

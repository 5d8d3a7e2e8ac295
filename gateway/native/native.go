// Package native is the /v1 surface: our own HTTP API, whose OpenAPI document is generated from the operation table.
package native

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/gateway/live"
	"yunduo/internal/eventloop"
)

// Options are what the surface translates to.
type Options struct {
	API       *api.API
	Rooms     api.Rooms
	PublicURL string
	Sockets   *live.Sockets
	// Draining is closed when the server stops: streams end then.
	Draining <-chan struct{}
}

type surface struct {
	Options
}

// Mount adds the routes of the surface.
func Mount(e *echo.Echo, o Options) {
	s := &surface{o}
	document := openAPI(o.API.Operations())
	e.GET("/v1/openapi.json", func(c echo.Context) error { return exchange.Raw(c, http.StatusOK, document) })

	app := e.Group("/v1/apps/:app")
	app.POST("/functions/:name", s.invoke)
	app.POST("/functions/:name/start", s.start)
	app.GET("/invocations/:id", s.started)
	app.POST("/auth/refresh", s.operation("auth.refresh"))
	app.POST("/auth/revoke", s.operation("auth.revoke"))
	app.POST("/auth/logout", s.operation("auth.logout"))
	app.GET("/auth/me", s.operation("auth.me"))
	for _, r := range accountRoutes {
		app.Add(r.method, "/auth"+r.path, s.operation(r.operation))
	}
	app.POST("/auth/:provider", s.login)
	for _, verb := range []string{"begin", "commit", "abort"} {
		app.POST("/documents/"+verb, s.operation("documents."+verb))
	}
	app.POST("/documents/:collection/:verb", s.documents)
	for _, verb := range []string{"grantUpload", "urls", "delete", "copy", "list", "stat"} {
		app.POST("/files/"+verb, s.operation("files."+verb))
	}
	app.PUT("/files/upload/:ticket", s.upload)
	app.POST("/files/upload/:ticket", s.uploadForm)
	app.GET("/files/content/:path", s.download)
	app.HEAD("/files/content/:path", s.download)
	app.GET("/watch", s.watch)
	app.POST("/wechat/:kind/:function/:proof", s.wechatPayment)
	app.POST("/wechat/openapi", s.wechatCall)
	app.POST("/wechat/pay", s.operation("wechat.pay"))
	app.POST("/wechat/openData", s.operation("wechat.openData"))
	app.GET("/wechat/push", s.wechatProof)
	app.POST("/wechat/push", s.wechatMessage)
	s.mountManage(e.Group("/v1/manage"))
}

// call makes the operation call of a request: credentials verified, nothing decoded yet. No credentials make a caller
// without a role; wrong ones an error.
func (s *surface) call(c echo.Context, app yunduo.AppID) (*api.Call, error) {
	call := &api.Call{App: app, BaseURL: exchange.BaseURL(c.Request(), s.PublicURL), Device: exchange.Device(c.Request()), Key: c.Request().Header.Get("Idempotency-Key"), Task: eventloop.Running(c.Request().Context())}
	ip := c.RealIP()
	call.Caller.ClientIP = ip
	token := exchange.Bearer(c.Request())
	if token == "" {
		return call, nil
	}
	caller, err := s.Rooms.Auth.Authenticate(c.Request().Context(), app, token)
	if err != nil {
		return nil, err
	}
	caller.ClientIP = ip
	call.Caller = caller
	return call, nil
}

// operation translates a request whose JSON body is the operation's request.
func (s *surface) operation(name string) echo.HandlerFunc {
	return func(c echo.Context) error {
		return s.do(c, name, yunduo.AppID(c.Param("app")), nil)
	}
}

// do runs an operation with the body as its request, after path fields are merged into it.
func (s *surface) do(c echo.Context, name string, app yunduo.AppID, fields map[string]string) error {
	call, err := s.call(c, app)
	if err != nil {
		return err
	}
	body, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return err
	}
	if call.Request, err = merge(body, fields); err != nil {
		return err
	}
	response, err := s.API.Do(c.Request().Context(), name, call)
	if err != nil {
		return err
	}
	return exchange.JSON(c, response)
}

// merge adds fields of the path to a JSON object. They stand last, so they win over members of the same name; the
// text is not decoded here, the operation does that.
func merge(body []byte, fields map[string]string) (json.RawMessage, error) {
	if len(fields) == 0 {
		return body, nil
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		body = []byte("{}")
	}
	if body[0] != '{' || body[len(body)-1] != '}' {
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the request body must be a JSON object")
	}
	inner := bytes.TrimSpace(body[1 : len(body)-1])
	merged := append(make([]byte, 0, len(body)+64), '{')
	merged = append(merged, inner...)
	separator := len(inner) > 0
	for name, value := range fields {
		if separator {
			merged = append(merged, ',')
		}
		separator = true
		merged = strconv.AppendQuote(merged, name)
		merged = append(merged, ':')
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		merged = append(merged, text...)
	}
	return append(merged, '}'), nil
}

package native

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// invoke runs a function: the body is the event, the reply the bare return value.
func (s *surface) invoke(c echo.Context) error {
	app := yunduo.AppID(c.Param("app"))
	call, err := s.call(c, app)
	if err != nil {
		return err
	}
	event, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return err
	}
	response, err := s.API.Invoke(c.Request().Context(), call, c.Param("name"), event)
	if err != nil {
		return err
	}
	return exchange.Raw(c, http.StatusOK, response)
}

// start accepts an invocation: the body is the event, the header Idempotency-Key its name, the parameter delay the seconds
// until it may begin.
func (s *surface) start(c echo.Context) error {
	call, err := s.call(c, yunduo.AppID(c.Param("app")))
	if err != nil {
		return err
	}
	event, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return err
	}
	request := &wire.StartRequest{Name: c.Param("name"), Data: event, IdempotencyKey: c.Request().Header.Get("Idempotency-Key")}
	if text := c.QueryParam("delay"); text != "" {
		if request.DelaySeconds, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(request.DelaySeconds) {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "delay: %q is no number of seconds", text)
		}
	}
	call.Input = request
	response, err := s.API.Do(c.Request().Context(), "functions.start", call)
	if err != nil {
		return err
	}
	return exchange.JSON(c, response)
}

// started tells what became of an accepted invocation.
func (s *surface) started(c echo.Context) error {
	call, err := s.call(c, yunduo.AppID(c.Param("app")))
	if err != nil {
		return err
	}
	call.Input = &wire.StartedRequest{ID: c.Param("id")}
	response, err := s.API.Do(c.Request().Context(), "functions.started", call)
	if err != nil {
		return err
	}
	return exchange.JSON(c, response)
}

// login signs an end user in with the provider of the path; the body is the credential.
func (s *surface) login(c echo.Context) error {
	credential, err := exchange.Body(c, 64<<10)
	if err != nil {
		return err
	}
	if len(credential) > 0 && !json.Valid(credential) {
		return yunduo.Errorf(yunduo.ReasonMalformedJSON, "the request body is not valid JSON")
	}
	call := &api.Call{App: yunduo.AppID(c.Param("app")), Request: credential, Device: exchange.Device(c.Request())}
	call.Caller.ClientIP = c.RealIP()
	response, err := s.API.Login(c.Request().Context(), call, c.Param("provider"))
	if err != nil {
		return err
	}
	return exchange.JSON(c, response)
}

var documentVerbs = map[string]string{
	"find": "documents.find", "get": "documents.get", "insert": "documents.insert", "update": "documents.update",
	"findAndUpdate": "documents.findAndUpdate", "findAndDelete": "documents.findAndDelete", "delete": "documents.delete",
	"count": "documents.count", "aggregate": "documents.aggregate", "explain": "documents.explain",
}

// documents runs a document operation on the collection of the path.
func (s *surface) documents(c echo.Context) error {
	name, ok := documentVerbs[c.Param("verb")]
	if !ok {
		return yunduo.Errorf(yunduo.ReasonUnknownOperation, "there is no document operation %q", c.Param("verb"))
	}
	return s.do(c, name, yunduo.AppID(c.Param("app")), map[string]string{"collection": c.Param("collection")})
}

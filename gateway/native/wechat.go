package native

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wechat"
)

// maxPush bounds what WeChat sends, in bytes.
const maxPush = 1 << 20

// wechatCall calls a server API of WeChat's. What is no JSON comes as a file to be stored.
func (s *surface) wechatCall(c echo.Context) error {
	call, err := s.call(c, yunduo.AppID(c.Param("app")))
	if err != nil {
		return err
	}
	if call.Request, err = exchange.Body(c, exchange.MaxJSONBody); err != nil {
		return err
	}
	response, err := s.API.Do(c.Request().Context(), "wechat.openapi", call)
	if err != nil {
		return err
	}
	if call.ResponseAttachment == nil {
		return exchange.JSON(c, response)
	}
	c.Response().Header().Set("Content-Disposition", "attachment")
	return c.Blob(http.StatusOK, "application/octet-stream", call.ResponseAttachment)
}

// wechatPayment takes a notification of WeChat Pay and answers in its words: whatever is no success is sent again.
func (s *surface) wechatPayment(c echo.Context) error {
	body, err := exchange.Body(c, maxPush)
	if err == nil {
		err = s.API.NotifyPayment(c.Request().Context(), yunduo.AppID(c.Param("app")), exchange.BaseURL(c.Request(), s.PublicURL), c.Param("kind"), c.Param("function"), c.Param("proof"), c.Request().Header, body)
	}
	if err == nil {
		return c.JSON(http.StatusOK, map[string]string{"code": "SUCCESS", "message": "OK"})
	}
	exchange.Note(c, err)
	e, status := yunduo.AsError(err), http.StatusInternalServerError
	if e.Reason == yunduo.ReasonSignatureInvalid {
		status = http.StatusUnauthorized
	}
	return c.JSON(status, map[string]string{"code": "FAIL", "message": e.Message})
}

// wechatProof answers WeChat when the address of the message push is set.
func (s *surface) wechatProof(c echo.Context) error {
	reply, err := s.API.ProvePush(c.Request().Context(), yunduo.AppID(c.Param("app")), c.QueryParams())
	return answerPush(c, reply, err)
}

// wechatMessage takes a message of WeChat's message push.
func (s *surface) wechatMessage(c echo.Context) error {
	body, err := exchange.Body(c, maxPush)
	if err != nil {
		return err
	}
	reply, err := s.API.ReceivePush(c.Request().Context(), yunduo.AppID(c.Param("app")), exchange.BaseURL(c.Request(), s.PublicURL), c.QueryParams(), body)
	return answerPush(c, reply, err)
}

func answerPush(c echo.Context, reply wechat.Reply, err error) error {
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, reply.ContentType, reply.Body)
}

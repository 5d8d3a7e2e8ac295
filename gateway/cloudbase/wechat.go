package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
)

// Calls of WeChat's own services. wx-server-sdk sends most of them as forms, and wants bytes for an answer.

const maxFormParts = 64

// formParts reads the parts of a form into memory; a name may be there once.
func formParts(contentType string, body []byte) (map[string][]byte, error) {
	_, p, err := mime.ParseMediaType(contentType)
	if err != nil || p["boundary"] == "" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the body must be a form with a boundary")
	}
	reader, parts := multipart.NewReader(bytes.NewReader(body), p["boundary"]), map[string][]byte{}
	for range maxFormParts {
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return parts, nil
		}
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the form cannot be read")
		}
		name := part.FormName()
		if _, twice := parts[name]; twice || name == "" {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the form has no name for a part, or one twice")
		}
		if parts[name], err = io.ReadAll(part); err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the form cannot be read")
		}
	}
	return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the form has more than %d parts", maxFormParts)
}

// form answers a form: with bytes, or with JSON for an error.
func (s *surface) form(c echo.Context) error {
	answer, err := s.formAnswer(c)
	if err != nil {
		exchange.Note(c, err)
		return c.JSON(http.StatusOK, failureOf(c, err))
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, echo.MIMEOctetStream, answer)
}

func (s *surface) formAnswer(c echo.Context) ([]byte, error) {
	body, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return nil, err
	}
	parts, err := formParts(c.Request().Header.Get(echo.HeaderContentType), body)
	if err != nil {
		return nil, err
	}
	r, err := s.authenticateForm(c, parts)
	if err != nil {
		return nil, err
	}
	if r.call.App, err = s.environment(r.call.Caller, string(parts["envName"])); err != nil {
		return nil, err
	}
	ctx, name, data := c.Request().Context(), string(parts["apiName"]), parts["requestData"]
	switch action := string(parts["action"]); action {
	case "wx.openApi":
		return r.callEnvelope(ctx, name, data)
	case "wx.wxPayApi":
		return r.pay(ctx, name, data)
	default:
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the action %q is not supported here", clip(action))
	}
}

// authenticateForm finds out who sent a form: as for JSON, but a signature is over the bytes of its parts.
func (s *surface) authenticateForm(c echo.Context, parts map[string][]byte) (*request, error) {
	text, err := json.Marshal(string(parts["sessionToken"]))
	if err != nil {
		return nil, err
	}
	return s.authenticate(c.Request().Context(), c, params{{"sessionToken", text}}, func(a *tc3Authorization, secret string) error {
		return a.verifyForm(c.Request(), secret, parts, s.Now())
	})
}

// wechat runs an operation of WeChat's services, whose messages are JSON alone.
func (r *request) wechat(ctx context.Context, operation string, request any, response any) (attachment []byte, err error) {
	call := r.call
	if call.Request, err = json.Marshal(request); err != nil {
		return nil, err
	}
	answer, err := r.surface.API.Do(ctx, operation, &call)
	if err != nil {
		return nil, err
	}
	text, err := api.Encode(answer)
	if err != nil {
		return nil, err
	}
	return call.ResponseAttachment, json.Unmarshal(text, response)
}

type wechatFile struct {
	Field       string `json:"field"`
	Name        string `json:"name,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Content     []byte `json:"content,omitempty"`
}

type wechatCall struct {
	API  string                     `json:"api"`
	Data map[string]json.RawMessage `json:"data,omitempty"`
	File *wechatFile                `json:"file,omitempty"`
}

type wechatAnswer struct {
	ContentType string          `json:"contentType"`
	Body        json.RawMessage `json:"body"`
}

// callEnvelope makes the call that an envelope holds, and returns the envelope of its answer.
func (r *request) callEnvelope(ctx context.Context, name string, message []byte) ([]byte, error) {
	e, err := parseEnvelope(message)
	if err != nil {
		return nil, err
	}
	switch {
	case e.kind == kindService && e.service == "ApiGetOpenDataByCloudId":
		ids, err := repeated(e.request, 2)
		if err != nil {
			return nil, err
		}
		var opened struct {
			List []json.RawMessage `json:"list"`
		}
		if _, err := r.wechat(ctx, "wechat.openData", map[string]any{"list": ids}, &opened); err != nil {
			return nil, err
		}
		body, err := openedEnvelope(opened.List)
		return answerEnvelope(echo.MIMEOctetStream, body), err
	case e.kind != kindOpenAPI:
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "%q of the vendor's backend is not offered here", clip(name+" "+e.service))
	}
	call := wechatCall{API: name, Data: map[string]json.RawMessage{}}
	for _, p := range e.pairs {
		switch {
		case p.file() && call.File != nil:
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "only one parameter of %s can be a file", clip(name))
		case p.file():
			call.File = &wechatFile{Field: p.key, Name: p.fileName, ContentType: p.contentType, Content: p.value}
		case !json.Valid(p.value):
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the parameter %q of %s is neither JSON nor a file", clip(p.key), clip(name))
		default:
			call.Data[p.key] = p.value
		}
	}
	var answer wechatAnswer
	attachment, err := r.wechat(ctx, "wechat.openapi", call, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Body != nil {
		return answerEnvelope(echo.MIMEApplicationJSON, answer.Body), nil
	}
	return answerEnvelope(answer.ContentType, attachment), nil
}

// pay makes a call of cloudPay; its data and answer are JSON.
func (r *request) pay(ctx context.Context, name string, data []byte) ([]byte, error) {
	if !json.Valid(data) {
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "requestData: the parameters of %s must be JSON", clip(name))
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	_, err := r.wechat(ctx, "wechat.pay", map[string]any{"api": name, "data": json.RawMessage(data)}, &answer)
	return answer.Result, err
}

// callPlainAPI is the call of a server API whose data and answer are JSON texts.
func callPlainAPI(ctx context.Context, r *request) (*reply, error) {
	call := wechatCall{API: r.params.text("apiName")}
	if text := r.params.text("requestData"); text != "" {
		if err := json.Unmarshal([]byte(text), &call.Data); err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "requestData: it must be the text of a JSON object")
		}
	}
	var answer wechatAnswer
	attachment, err := r.wechat(ctx, "wechat.openapi", call, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Body == nil {
		answer.Body, err = json.Marshal(attachment)
	}
	return &reply{Data: map[string]any{"responseData": string(answer.Body)}}, err
}

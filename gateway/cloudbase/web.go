package cloudbase

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// The web endpoint: what js-sdk 1 and 2, and 3 in its CLOUD_API mode, call for end users. The access token is a member
// of the body.

func (s *surface) web(c echo.Context) error {
	answer, err := s.webAnswer(c)
	if err != nil {
		answer = refused(c, err)
	}
	answer.RequestID = exchange.RequestID(c)
	if trace := c.Request().Header.Get("X-TCB-Trace"); acceptableTrace(trace) {
		c.Response().Header().Set("x-tcb-trace", trace)
	}
	return answer.write(c)
}

// acceptableTrace reports whether a trace may be sent back: short, and of plain characters.
func acceptableTrace(trace string) bool {
	plain := func(c rune) bool { return c > 0x20 && c < 0x7f }
	return trace != "" && len(trace) <= 256 && !strings.ContainsFunc(trace, func(c rune) bool { return !plain(c) })
}

// codedError gives an error a code of this endpoint that its reason does not tell.
type codedError struct {
	error
	code string
}

func (e codedError) Unwrap() error { return e.error }

// refused is the reply that tells of an error.
func refused(c echo.Context, err error) *reply {
	exchange.Note(c, err)
	return &reply{Code: webCode(err), Message: yunduo.AsError(err).Message}
}

func webCode(err error) string {
	if e, ok := errors.AsType[codedError](err); ok {
		return e.code
	}
	return yunduo.AsError(err).Reason.CloudBase()
}

func (s *surface) webAnswer(c echo.Context) (*reply, error) {
	body, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return nil, err
	}
	p, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	env, parse := webQuery(c.Request().URL, p)
	var r *request
	run, ok := signInActions[p.text("action")]
	if ok {
		app, err := s.appOr(c, env)
		if err != nil {
			return nil, err
		}
		r = s.requestOf(c.Request().Context(), c, yunduo.Caller{ClientIP: c.RealIP()}, app)
	} else if run, ok = signedInAction(p.text("action")); ok {
		if r, err = s.webCaller(c, p, body, env); err != nil {
			return nil, err
		}
	} else {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "the action %q is not supported here", clip(p.text("action")))
	}
	r.params, r.body, r.parse = p, body, parse
	return run(c.Request().Context(), r)
}

// webQuery returns the environment that a request is about, and whether results are wanted as they are instead of as
// texts.
func webQuery(address *url.URL, p params) (env string, parse bool) {
	env = p.text("env")
	if env != "" && !strings.Contains(address.RawQuery, "parse") {
		return env, false
	}
	query := address.Query()
	if env == "" {
		env = query.Get("env")
	}
	return env, query.Get("parse") == "true"
}

// signedInAction returns what an action of who is signed in does.
func signedInAction(name string) (action, bool) {
	if run, ok := actions[name]; ok {
		return run, true
	}
	run, ok := accountActions[name]
	return run, ok
}

// webCaller finds out who a request comes from: the token in its body, or keys that sign it.
func (s *surface) webCaller(c echo.Context, p params, body []byte, env string) (*request, error) {
	if token := p.text("access_token"); token != "" {
		return s.webUser(c.Request().Context(), c, token, env)
	}
	setBody(c.Request(), body) // a signature is over all of it
	r, err := s.identified(c)
	if err != nil {
		return nil, err
	}
	r.call.App, err = s.environment(r.call.Caller, env)
	return r, err
}

func (s *surface) webUser(ctx context.Context, from sender, token, env string) (*request, error) {
	r, err := s.byToken(ctx, from, token)
	if err != nil {
		return nil, err
	}
	r.call.App, err = s.environment(r.call.Caller, env)
	return r, err
}

package api

import (
	"context"
	"encoding/json"

	"yunduo/functions/runtime"
)

type baseURLKey struct{}

// withBaseURL remembers how the client reached the server, for addresses that functions make on its behalf.
func withBaseURL(ctx context.Context, url string) context.Context {
	if url == "" {
		return ctx
	}
	return context.WithValue(ctx, baseURLKey{}, url)
}

// BaseURL is how the client on whose behalf ctx runs reaches the server; empty if no client's request caused it.
func BaseURL(ctx context.Context) string {
	url, _ := ctx.Value(baseURLKey{}).(string)
	return url
}

// Host returns what answers the SDK calls of running code: the same table, with the invocation's caller. baseURL is
// the server's address for invocations that no client's request caused.
func (a *API) Host(baseURL string) runtime.Host { return &host{api: a, baseURL: baseURL} }

type host struct {
	api     *API
	baseURL string
}

var _ runtime.Host = (*host)(nil)

// Call runs an operation for the invocation.
func (h *host) Call(ctx context.Context, invocation *runtime.Invocation, operation string, request json.RawMessage, attachment []byte) (json.RawMessage, []byte, error) {
	call := &Call{Caller: invocation.Caller, App: invocation.Caller.App, Request: request, Attachment: attachment, BaseURL: h.baseURL}
	if url, ok := ctx.Value(baseURLKey{}).(string); ok {
		call.BaseURL = url
	}
	response, err := h.api.Do(ctx, operation, call)
	if err != nil {
		return nil, nil, err
	}
	text, err := Encode(response)
	return text, call.ResponseAttachment, err
}

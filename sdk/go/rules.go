package client

import (
	"context"
	"encoding/json"

	"yunduo/wire"
)

func (c *Client) rulesPath(kind, collection string) string {
	if kind == "collection" {
		return c.managePath("/collections/%s/rules", collection)
	}
	return c.managePath("/rules/%s", kind)
}

// Rules returns the rules of a collection (kind "collection"), of files ("files") or of functions ("functions").
func (c *Client) Rules(ctx context.Context, kind, collection string) (string, error) {
	var reply wire.RulesResponse
	err := c.Do(ctx, "GET", c.rulesPath(kind, collection), nil, &reply)
	return reply.Rules, err
}

// SetRules sets what Rules returns.
func (c *Client) SetRules(ctx context.Context, kind, collection, text string) error {
	return c.Do(ctx, "PUT", c.rulesPath(kind, collection), wire.AppRulesRequest{Rules: text}, nil)
}

// Routes returns which HTTP paths lead to which function of the app, by path.
func (c *Client) Routes(ctx context.Context) (json.RawMessage, error) {
	var reply wire.Routes
	err := c.Do(ctx, "GET", c.managePath("/routes"), nil, &reply)
	return reply.Routes, err
}

// SetRoutes sets what Routes returns.
func (c *Client) SetRoutes(ctx context.Context, routes json.RawMessage) error {
	return c.Do(ctx, "PUT", c.managePath("/routes"), wire.Routes{Routes: routes}, nil)
}

// TestRules tells what rules let a supposed caller do.
func (c *Client) TestRules(ctx context.Context, request wire.TestRulesRequest) (wire.TestRulesResponse, error) {
	var reply wire.TestRulesResponse
	err := c.Do(ctx, "POST", c.managePath("/rules/test"), request, &reply)
	return reply, err
}

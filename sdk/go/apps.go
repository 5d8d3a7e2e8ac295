package client

import (
	"context"

	"yunduo/wire"
)

// App returns the app's settings.
func (c *Client) App(ctx context.Context) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "GET", c.managePath(""), nil, &reply)
	return reply, err
}

// UpdateApp changes the app's settings; absent fields stay as they are.
func (c *Client) UpdateApp(ctx context.Context, request wire.AppRequest) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "PATCH", c.managePath(""), request, &reply)
	return reply, err
}

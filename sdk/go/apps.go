package client

import (
	"context"
	"net/url"

	"yunduo"
	"yunduo/wire"
)

// Apps lists the apps that the key administers.
func (c *Client) Apps(ctx context.Context) ([]wire.App, error) {
	var reply wire.AppsResponse
	err := c.Do(ctx, "GET", "/v1/manage/apps", nil, &reply)
	return reply.Apps, err
}

// CreateApp makes an app. It takes an operator's token.
func (c *Client) CreateApp(ctx context.Context, request wire.AppRequest) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "POST", "/v1/manage/apps", request, &reply)
	return reply, err
}

// App describes the client's app.
func (c *Client) App(ctx context.Context) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "GET", c.managePath(""), nil, &reply)
	return reply, err
}

// UpdateApp changes settings of the client's app; what is absent stays.
func (c *Client) UpdateApp(ctx context.Context, change wire.AppRequest) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "PATCH", c.managePath(""), change, &reply)
	return reply, err
}

// DeleteApp deletes an app; for a while it can be brought back. It takes an operator's token, as all below.
func (c *Client) DeleteApp(ctx context.Context, id yunduo.AppID) error {
	return c.Do(ctx, "DELETE", "/v1/manage/apps/"+url.PathEscape(string(id)), nil, nil)
}

// DeletedApps lists the apps that can be brought back, the last deleted first.
func (c *Client) DeletedApps(ctx context.Context) ([]wire.DeletedApp, error) {
	var reply wire.DeletedAppsResponse
	err := c.Do(ctx, "GET", "/v1/manage/deletedApps", nil, &reply)
	return reply.Apps, err
}

// UndeleteApp brings a deleted app back.
func (c *Client) UndeleteApp(ctx context.Context, id yunduo.AppID) (wire.App, error) {
	var reply wire.App
	err := c.Do(ctx, "POST", "/v1/manage/deletedApps/"+url.PathEscape(string(id))+"/restore", nil, &reply)
	return reply, err
}

// PurgeApp drops for good what a deleted app has.
func (c *Client) PurgeApp(ctx context.Context, id yunduo.AppID) error {
	return c.Do(ctx, "DELETE", "/v1/manage/deletedApps/"+url.PathEscape(string(id)), nil, nil)
}

package client

import (
	"context"

	"yunduo/wire"
)

// Releases lists the releases of the app, newest first.
func (c *Client) Releases(ctx context.Context) ([]wire.Release, error) {
	var reply wire.ReleasesResponse
	err := c.Do(ctx, "GET", c.managePath("/releases"), nil, &reply)
	return reply.Releases, err
}

// Release puts all that the request names live together, or changes nothing.
func (c *Client) Release(ctx context.Context, request wire.ReleaseRequest) (wire.Release, error) {
	var reply wire.Release
	err := c.Do(ctx, "POST", c.managePath("/releases"), request, &reply)
	return reply, err
}

// RollbackRelease makes everything as it was after a release.
func (c *Client) RollbackRelease(ctx context.Context, request wire.RollbackReleaseRequest) (wire.Release, error) {
	var reply wire.Release
	err := c.Do(ctx, "POST", c.managePath("/releases/rollback"), request, &reply)
	return reply, err
}

// DiffReleases compares two releases; 0 and 0 are the one before the live one, and the live one.
func (c *Client) DiffReleases(ctx context.Context, from, to int64) (wire.ReleaseDiff, error) {
	var reply wire.ReleaseDiff
	err := c.Do(ctx, "POST", c.managePath("/releases/diff"), wire.ReleaseDiffRequest{From: from, To: to}, &reply)
	return reply, err
}

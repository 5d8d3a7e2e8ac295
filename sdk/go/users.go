package client

import (
	"context"

	"yunduo/wire"
)

// Users returns a page of the app's users.
func (c *Client) Users(ctx context.Context, request wire.ListUsersRequest) (wire.ListUsersResponse, error) {
	var reply wire.ListUsersResponse
	err := c.Do(ctx, "POST", c.managePath("/users/list"), request, &reply)
	return reply, err
}

// SetUserPassword gives a user a new password and ends the user's sessions.
func (c *Client) SetUserPassword(ctx context.Context, id, password string) error {
	return c.Do(ctx, "PUT", c.managePath("/users/%s/password", id), wire.UserPasswordRequest{Password: password}, nil)
}

// DeleteUser deletes a user.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.Do(ctx, "DELETE", c.managePath("/users/%s", id), nil, nil)
}

// UserSessions lists the sessions of a user.
func (c *Client) UserSessions(ctx context.Context, id string) ([]wire.Session, error) {
	var reply wire.SessionsResponse
	err := c.Do(ctx, "GET", c.managePath("/users/%s/sessions", id), nil, &reply)
	return reply.Sessions, err
}

// RevokeUserSession ends a session of a user.
func (c *Client) RevokeUserSession(ctx context.Context, id, session string) error {
	return c.Do(ctx, "DELETE", c.managePath("/users/%s/sessions/%s", id, session), nil, nil)
}

// CreateTicketKey makes a key pair for custom sign-in.
func (c *Client) CreateTicketKey(ctx context.Context) (wire.TicketKey, error) {
	var reply wire.TicketKey
	err := c.Do(ctx, "POST", c.managePath("/ticketKeys"), nil, &reply)
	return reply, err
}

// TicketKeys lists the key pairs for custom sign-in.
func (c *Client) TicketKeys(ctx context.Context) ([]wire.TicketKey, error) {
	var reply wire.TicketKeysResponse
	err := c.Do(ctx, "GET", c.managePath("/ticketKeys"), nil, &reply)
	return reply.Keys, err
}

// DeleteTicketKey deletes a key pair.
func (c *Client) DeleteTicketKey(ctx context.Context, key string) error {
	return c.Do(ctx, "DELETE", c.managePath("/ticketKeys/%s", key), nil, nil)
}

package client

import (
	"context"
	"encoding/json"

	"yunduo/wire"
)

// Login signs an end user in with a provider ("anonymous", "password", "wechat") and its credential.
func (c *Client) Login(ctx context.Context, provider string, credential any) (wire.Tokens, error) {
	var reply wire.Tokens
	err := c.Do(ctx, "POST", c.appPath("/auth/%s", provider), credential, &reply)
	return reply, err
}

// CreateUser makes a password user.
func (c *Client) CreateUser(ctx context.Context, username, password string) (wire.User, error) {
	var reply wire.User
	err := c.Do(ctx, "POST", c.managePath("/users"), wire.CreateUserRequest{Username: username, Password: password}, &reply)
	return reply, err
}

// CreateCollection makes an empty collection.
func (c *Client) CreateCollection(ctx context.Context, name string) error {
	return c.Do(ctx, "POST", c.managePath("/collections"), wire.CollectionRequest{Collection: name}, nil)
}

// Insert stores documents given as EJSON and returns their _id values as EJSON.
func (c *Client) Insert(ctx context.Context, collection string, documents ...json.RawMessage) ([]json.RawMessage, error) {
	var reply wire.InsertResponse
	err := c.Do(ctx, "POST", c.appPath("/documents/%s/insert", collection), wire.InsertRequest{Documents: documents}, &reply)
	return reply.InsertedIDs, err
}

// Find returns documents as EJSON.
func (c *Client) Find(ctx context.Context, collection string, request wire.FindRequest) ([]json.RawMessage, error) {
	var reply struct {
		Documents []json.RawMessage `json:"documents"`
	}
	err := c.Do(ctx, "POST", c.appPath("/documents/%s/find", collection), request, &reply)
	return reply.Documents, err
}

// Update changes documents.
func (c *Client) Update(ctx context.Context, collection string, request wire.UpdateRequest) (wire.UpdateResponse, error) {
	var reply wire.UpdateResponse
	err := c.Do(ctx, "POST", c.appPath("/documents/%s/update", collection), request, &reply)
	return reply, err
}

// Delete removes documents and returns how many.
func (c *Client) Delete(ctx context.Context, collection string, request wire.DeleteRequest) (int64, error) {
	var reply wire.DeleteResponse
	err := c.Do(ctx, "POST", c.appPath("/documents/%s/delete", collection), request, &reply)
	return reply.Deleted, err
}

// Count counts the documents that match.
func (c *Client) Count(ctx context.Context, collection string, filter json.RawMessage) (int64, error) {
	var reply wire.CountResponse
	err := c.Do(ctx, "POST", c.appPath("/documents/%s/count", collection), wire.CountRequest{Filter: filter}, &reply)
	return reply.Total, err
}

package client

import (
	"context"

	"yunduo/wire"
)

// Variables lists variables and secrets of functions, secrets without their values.
func (c *Client) Variables(ctx context.Context) ([]wire.Variable, error) {
	var reply wire.VariablesResponse
	err := c.Do(ctx, "GET", c.managePath("/variables"), nil, &reply)
	return reply.Variables, err
}

// SetVariable sets a variable or a secret, live for the next call.
func (c *Client) SetVariable(ctx context.Context, v wire.SetVariableRequest) error {
	return c.Do(ctx, "PUT", c.managePath("/variables"), v, nil)
}

// DeleteVariable removes a variable or a secret; an empty function means that of all.
func (c *Client) DeleteVariable(ctx context.Context, function, name string) error {
	return c.Do(ctx, "POST", c.managePath("/variables/delete"), wire.DeleteVariableRequest{Function: function, Name: name}, nil)
}

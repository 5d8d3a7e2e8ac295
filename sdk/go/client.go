// Package client is the typed Go client of a Yunduo server, used by the command line and by end-to-end tests.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"yunduo"
	"yunduo/wire"
)

// Client talks to one app of a server. It is safe for concurrent use.
type Client struct {
	base  string
	app   yunduo.AppID
	token string
	http  *http.Client
}

// New makes a client for an app of the server at address, such as "http://127.0.0.1:7300". token is an API key or an
// access token; empty for calls that need none.
func New(address string, app yunduo.AppID, token string) *Client {
	return &Client{base: strings.TrimRight(address, "/"), app: app, token: token, http: &http.Client{}}
}

// WithToken returns a client of the same app that sends another token.
func (c *Client) WithToken(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// Do sends body as JSON (nil sends none) and decodes the reply into reply (nil drops it). A refusal of the server is a
// *yunduo.Error with its reason and message.
func (c *Client) Do(ctx context.Context, method, path string, body, reply any) error {
	var reader io.Reader
	if body != nil {
		var err error
		if reader, err = encode(body); err != nil {
			return err
		}
	}
	response, err := c.send(ctx, method, path, "application/json", reader)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("the reply of %s did not arrive whole: %w", c.base, err)
	}
	if response.StatusCode >= 300 {
		return refusal(response, text)
	}
	if reply == nil {
		return nil
	}
	if raw, ok := reply.(*json.RawMessage); ok {
		*raw = text
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("the reply of %s is not what was expected: %w", c.base, err)
	}
	return nil
}

func encode(body any) (io.Reader, error) {
	text, err := json.Marshal(body)
	return bytes.NewReader(text), err
}

// send sends a request with its credentials; a nil body sends none.
func (c *Client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err
		}
		return nil, fmt.Errorf("cannot reach the server at %s: %w", c.base, err)
	}
	return response, nil
}

func refusal(response *http.Response, text []byte) error {
	var envelope wire.ErrorEnvelope
	if err := json.Unmarshal(text, &envelope); err != nil || envelope.Error.Reason == "" {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	e := yunduo.Errorf(yunduo.Reason(envelope.Error.Reason), "%s", envelope.Error.Message)
	e.Stack = envelope.Error.Stack
	return e
}

func (c *Client) appPath(format string, args ...any) string {
	for i, a := range args {
		args[i] = url.PathEscape(fmt.Sprint(a))
	}
	return "/v1/apps/" + url.PathEscape(string(c.app)) + fmt.Sprintf(format, args...)
}

func (c *Client) managePath(format string, args ...any) string {
	for i, a := range args {
		args[i] = url.PathEscape(fmt.Sprint(a))
	}
	return "/v1/manage/apps/" + url.PathEscape(string(c.app)) + fmt.Sprintf(format, args...)
}

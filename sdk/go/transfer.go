package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"yunduo/wire"
)

// Collections lists the app's collections by name.
func (c *Client) Collections(ctx context.Context) ([]wire.Collection, error) {
	var reply wire.CollectionsResponse
	err := c.Do(ctx, "GET", c.managePath("/collections"), nil, &reply)
	return reply.Collections, err
}

// Indexes lists a collection's indexes.
func (c *Client) Indexes(ctx context.Context, collection string) ([]wire.Index, error) {
	var reply wire.IndexesResponse
	err := c.Do(ctx, "GET", c.managePath("/collections/%s/indexes", collection), nil, &reply)
	return reply.Indexes, err
}

// CreateIndex builds an index.
func (c *Client) CreateIndex(ctx context.Context, collection string, index wire.Index) error {
	return c.Do(ctx, "POST", c.managePath("/collections/%s/indexes", collection), wire.CreateIndexRequest{Collection: collection, Index: index}, nil)
}

// DropIndex removes an index.
func (c *Client) DropIndex(ctx context.Context, collection, name string) error {
	return c.Do(ctx, "DELETE", c.managePath("/collections/%s/indexes/%s", collection, name), nil, nil)
}

// Import brings a file into the collection that the request names, or an archive into the app. It reads file as fast as
// the server takes it.
func (c *Client) Import(ctx context.Context, request wire.ImportRequest, file io.Reader) (wire.ImportReport, error) {
	var report wire.ImportReport
	path := c.managePath("/import")
	if request.Collection != "" {
		path = c.managePath("/collections/%s/import", request.Collection)
	}
	query := url.Values{"format": {request.Format}, "mode": {request.Mode}, "source": {request.Source}}
	response, err := c.send(ctx, "POST", path+"?"+query.Encode(), "application/octet-stream", file)
	if err != nil {
		return report, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return report, fmt.Errorf("the reply of %s did not arrive whole: %w", c.base, err)
	}
	if response.StatusCode >= 300 {
		return report, refusal(response, text)
	}
	return report, json.Unmarshal(text, &report)
}

// Export writes the collection that the request names, or the whole app as an archive, to out. When it fails, out has a
// part of the file.
func (c *Client) Export(ctx context.Context, request wire.ExportRequest, out io.Writer) error {
	path := c.managePath("/export")
	if request.Collection != "" {
		path = c.managePath("/collections/%s/export", request.Collection)
	}
	body, err := encode(request)
	if err != nil {
		return err
	}
	response, err := c.send(ctx, "POST", path, "application/json", body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(response.Body)
		return errors.Join(refusal(response, text), err)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return fmt.Errorf("the file did not arrive whole: %w", err)
	}
	return nil
}

// History tells who changed a document or collection.
func (c *Client) History(ctx context.Context, request wire.HistoryRequest) (wire.HistoryResponse, error) {
	var reply wire.HistoryResponse
	err := c.Do(ctx, "POST", c.managePath("/collections/%s/history", request.Collection), request, &reply)
	return reply, err
}

// Restore takes a document or a collection back.
func (c *Client) Restore(ctx context.Context, request wire.RestoreRequest) (wire.RestoreResponse, error) {
	var reply wire.RestoreResponse
	err := c.Do(ctx, "POST", c.managePath("/collections/%s/restore", request.Collection), request, &reply)
	return reply, err
}

// Trash lists the dropped collections that can be brought back.
func (c *Client) Trash(ctx context.Context) ([]wire.DroppedCollection, error) {
	var reply wire.TrashResponse
	err := c.Do(ctx, "GET", c.managePath("/trash"), nil, &reply)
	return reply.Collections, err
}

// Undrop brings a dropped collection back, under another name if one is given.
func (c *Client) Undrop(ctx context.Context, id, name string) error {
	return c.Do(ctx, "POST", c.managePath("/trash/%s/restore", id), wire.UndropRequest{Name: name}, nil)
}

// Purge removes a dropped collection for good.
func (c *Client) Purge(ctx context.Context, id string) error {
	return c.Do(ctx, "DELETE", c.managePath("/trash/%s", id), nil, nil)
}

// RestoreApp begins to take all documents of the app back to a moment.
func (c *Client) RestoreApp(ctx context.Context, request wire.RestoreAppRequest) (wire.RestoreAppStatus, error) {
	var reply wire.RestoreAppStatus
	err := c.Do(ctx, "POST", c.managePath("/restore"), request, &reply)
	return reply, err
}

// RestoreAppStatus tells how far that is.
func (c *Client) RestoreAppStatus(ctx context.Context) (wire.RestoreAppStatus, error) {
	var reply wire.RestoreAppStatus
	err := c.Do(ctx, "GET", c.managePath("/restore"), nil, &reply)
	return reply, err
}

// RestoreArchive gives the app the documents of an archive instead of all that it has. confirm is the app's ID.
func (c *Client) RestoreArchive(ctx context.Context, confirm string, archive io.Reader) (wire.RestoredArchive, error) {
	var reply wire.RestoredArchive
	response, err := c.send(ctx, "POST", c.managePath("/restoreArchive")+"?confirm="+url.QueryEscape(confirm), "application/octet-stream", archive)
	if err != nil {
		return reply, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply, fmt.Errorf("the reply of %s did not arrive whole: %w", c.base, err)
	}
	if response.StatusCode >= 300 {
		return reply, refusal(response, text)
	}
	return reply, json.Unmarshal(text, &reply)
}

// OperatorLogin signs an operator in and returns a client that acts as the operator.
func (c *Client) OperatorLogin(ctx context.Context, request wire.OperatorLoginRequest) (*Client, error) {
	var tokens wire.OperatorTokens
	if err := c.Do(ctx, "POST", "/v1/manage/session", request, &tokens); err != nil {
		return nil, err
	}
	return c.WithToken(tokens.AccessToken), nil
}

// Backup begins a backup of the whole server. known is the manifest of an earlier one, empty for none. The caller reads
// the backup and closes it.
func (c *Client) Backup(ctx context.Context, known io.Reader) (io.ReadCloser, error) {
	response, err := c.send(ctx, "POST", "/v1/manage/backup", "application/octet-stream", known)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return nil, errors.Join(refusal(response, text), err)
}

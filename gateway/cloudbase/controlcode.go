package cloudbase

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"

	"yunduo"
)

// codeBucket is where the tools download the code of functions from: names of functions with ".zip".
const codeBucket = stagingMark + "code"

// version is the version of a function that a call names; 0 is the live one.
func (c *controlCall) version() (int64, error) {
	text := c.params.text("Qualifier")
	if text == "" || text == "$LATEST" || text == "$DEFAULT" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, yunduo.Errorf(yunduo.ReasonInvalidRequest, "Qualifier: %q is no number of a version", clip(text))
	}
	return n, nil
}

// functionAddress says where the code of a function is, for a few minutes.
func functionAddress(ctx context.Context, c *controlCall) (members, error) {
	name := c.params.text("FunctionName")
	version, err := c.version()
	if err != nil {
		return nil, err
	}
	archive, err := c.surface.archive(ctx, c.call.Caller, c.call.App, name, version)
	if err != nil {
		return nil, err
	}
	ticket, err := c.surface.Rooms.Auth.Ticket(c.call.Caller, c.call.App)
	if err != nil {
		return nil, err
	}
	query := url.Values{"ticket": {ticket}, "version": {strconv.FormatInt(version, 10)}}
	sum := sha256.Sum256(archive)
	return members{
		"Url": c.here + cosPrefix + codeBucket + "/" + url.PathEscape(name) + archiveEnd + "?" + query.Encode(), "CodeSha256": hex.EncodeToString(sum[:]),
	}, nil
}

const archiveEnd = ".zip"

// archive packs the folder of a function.
func (s *surface) archive(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, version int64) ([]byte, error) {
	files, err := s.Rooms.Functions.Source(ctx, caller, app, name, version)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, f := range files {
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.Path, Method: zip.Deflate})
		if err == nil {
			_, err = part.Write(f.Data)
		}
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the code could not be packed")
		}
	}
	if err := w.Close(); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the code could not be packed")
	}
	return packed.Bytes(), nil
}

// downloadCode answers with a function's code, to who has a ticket.
func (s *surface) downloadCode(q *cosRequest, name string) error {
	r := q.c.Request()
	ticket, _ := q.query("ticket")
	caller, err := s.Rooms.Auth.VerifyTicket(r.Context(), ticket)
	if err != nil {
		return err
	}
	text, _ := q.query("version")
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "version: %q is not a number", clip(text))
	}
	archive, err := s.archive(r.Context(), caller, caller.App, name, version)
	if err != nil {
		return err
	}
	q.c.Response().Header().Set("Cache-Control", "no-store")
	return q.c.Blob(http.StatusOK, "application/zip", archive)
}

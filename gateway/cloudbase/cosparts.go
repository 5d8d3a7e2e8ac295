package cloudbase

import (
	"context"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/storage"
	"yunduo/wire"
)

// Files of 20 MiB and more come from the vendor's tools in parts.

// maxPartList is the size in bytes of the list of parts with which an upload ends.
const maxPartList = 2 << 20

// parts serves the calls of uploads in parts; false if a request is none of them.
func (s *surface) parts(ctx context.Context, q *cosRequest, r *request) (bool, error) {
	_, initiates := q.query("uploads")
	upload, named := q.query("uploadId")
	number, numbered := q.query("partNumber")
	caller, method := r.call.Caller, q.c.Request().Method
	switch {
	case initiates && method == http.MethodGet && q.key == "":
		return true, s.listUploads(ctx, q, r)
	case q.key == "" || !initiates && !named && !numbered:
		return false, nil
	case initiates && method == http.MethodPost:
		// Whether the caller may upload at all is up to the operation, as for a file in one piece.
		if _, err := do[wire.GrantUploadResponse](ctx, r, "files.grantUpload", &wire.GrantUploadRequest{Path: q.key}); err != nil {
			return true, err
		}
		id, err := s.Rooms.Storage.BeginParts(ctx, caller, q.key, q.c.Request().Header.Get("Content-Type"))
		if err != nil {
			return true, err
		}
		return true, q.reply(begunUpload{Bucket: q.bucket, Key: q.key, UploadID: id})
	case numbered && named && method == http.MethodPut:
		return true, s.putPart(ctx, q, r, upload, number)
	case named && method == http.MethodGet:
		return true, s.listParts(ctx, q, r, upload)
	case named && method == http.MethodPost:
		return true, s.joinParts(ctx, q, r, upload)
	case named && method == http.MethodDelete:
		if err := s.Rooms.Storage.AbandonParts(ctx, caller, q.key, upload); err != nil {
			return true, err
		}
		return true, q.c.NoContent(http.StatusNoContent)
	}
	return true, notOffered(q)
}

func (s *surface) putPart(ctx context.Context, q *cosRequest, r *request, upload, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "partNumber: %q is no number", clip(number))
	}
	if _, err := do[wire.GrantUploadResponse](ctx, r, "files.grantUpload", &wire.GrantUploadRequest{Path: q.key}); err != nil {
		return err
	}
	hr := q.c.Request()
	part, err := s.Rooms.Storage.PutPart(ctx, r.call.Caller, q.key, upload, n, hr.Body, hr.ContentLength)
	if err != nil {
		return err
	}
	q.c.Response().Header().Set("ETag", `"`+part.ETag+`"`)
	return q.c.NoContent(http.StatusOK)
}

type listedPart struct {
	PartNumber   int
	LastModified string
	ETag         string
	Size         int64
}

// listParts is a page of an upload's parts.
func (s *surface) listParts(ctx context.Context, q *cosRequest, r *request, upload string) error {
	parts, err := s.Rooms.Storage.Parts(ctx, r.call.Caller, q.key, upload)
	if err != nil {
		return err
	}
	page := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Bucket               string
		Key                  string
		UploadID             string `xml:"UploadId"`
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		Part                 []listedPart
	}{Bucket: q.bucket, Key: q.key, UploadID: upload, MaxParts: maxListed}
	if n, err := strconv.Atoi(q.c.QueryParam("max-parts")); err == nil && n > 0 && n < maxListed {
		page.MaxParts = n
	}
	page.PartNumberMarker, _ = strconv.Atoi(q.c.QueryParam("part-number-marker")) // what is no number begins at the first
	for _, p := range parts {
		if p.Number <= page.PartNumberMarker {
			continue
		}
		if len(page.Part) == page.MaxParts {
			page.IsTruncated = true
			break
		}
		page.Part = append(page.Part, listedPart{p.Number, p.ModifiedAt.UTC().Format(time.RFC3339), `"` + p.ETag + `"`, p.Size})
		page.NextPartNumberMarker = p.Number
	}
	return q.reply(page)
}

// joinParts ends an upload: its body names the parts that make up the file.
func (s *surface) joinParts(ctx context.Context, q *cosRequest, r *request, upload string) error {
	body, err := exchange.Body(q.c, maxPartList)
	if err != nil {
		return err
	}
	var list struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the body must be a list of parts in XML")
	}
	if _, err := do[wire.GrantUploadResponse](ctx, r, "files.grantUpload", &wire.GrantUploadRequest{Path: q.key}); err != nil {
		return err
	}
	parts := make([]storage.Part, 0, len(list.Part))
	for _, p := range list.Part {
		parts = append(parts, storage.Part{Number: p.PartNumber, ETag: strings.Trim(p.ETag, `"`)})
	}
	file, err := s.Rooms.Storage.JoinParts(ctx, r.call.Caller, q.key, upload, parts)
	if err != nil {
		return err
	}
	return q.reply(endedUpload{Bucket: q.bucket, Key: q.key, ETag: `"` + file.ETag + `"`})
}

type partialUpload struct {
	Key          string
	UploadID     string `xml:"UploadId"`
	StorageClass string
	Initiated    string
}

func (s *surface) listUploads(ctx context.Context, q *cosRequest, r *request) error {
	uploads, err := s.Rooms.Storage.PartialUploads(ctx, r.call.Caller, q.c.QueryParam("prefix"))
	if err != nil {
		return err
	}
	page := struct {
		XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket      string
		Prefix      string
		MaxUploads  int
		IsTruncated bool
		Upload      []partialUpload
	}{Bucket: q.bucket, Prefix: q.c.QueryParam("prefix"), MaxUploads: maxListed}
	for _, u := range uploads {
		page.Upload = append(page.Upload, partialUpload{u.Path, u.ID, "STANDARD", u.BeganAt.Format(time.RFC3339)})
	}
	return q.reply(page)
}

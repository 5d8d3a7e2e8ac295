package cloudbase

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// The bytes of files. The SDKs send them with the authorization that the metadata gave them, by PUT or in a form.

const uploadPath = "/v1/storages/objects"

// grant is what the SDKs are told for an upload.
type grant struct {
	url           string
	authorization string // the ticket
	token         string
	fileID        string
	metaFileID    string // the file ID in ASCII: it goes into a header
}

// metaToken stands for the temporary key's token of the vendor's object store, which SDKs pass on.
const metaToken = "yunduo"

func (r *request) grant(ctx context.Context, path string, size int64, contentType string) (grant, error) {
	granted, err := do[wire.GrantUploadResponse](ctx, r, "files.grantUpload", &wire.GrantUploadRequest{
		Path: path, Size: size, ContentType: contentType,
	})
	if err != nil {
		return grant{}, err
	}
	return grant{
		url: r.here + uploadPath, authorization: granted.Ticket, token: metaToken,
		fileID: granted.FileID, metaFileID: url.QueryEscape(granted.FileID),
	}, nil
}

func (s *surface) mountBytes(e *echo.Echo) {
	e.PUT(uploadPath, s.putObject)
	e.POST(uploadPath, s.postObject)
}

// objectError is how the SDKs read a failed upload.
type objectError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string   `xml:"Code"`
	Message   string   `xml:"Message"`
	RequestID string   `xml:"RequestId"`
	TraceID   string   `xml:"TraceId"`
}

func (s *surface) objectFailed(c echo.Context, err error) error {
	exchange.Note(c, err)
	e, id := yunduo.AsError(err), exchange.RequestID(c)
	return c.XML(wire.Status(e.Code()), objectError{Code: e.Reason.CloudBase(), Message: e.Message, RequestID: id, TraceID: id})
}

// putObject takes the raw bytes of a file; a success has no body, for any body is read as an error.
func (s *surface) putObject(c echo.Context) error {
	r := c.Request()
	ticket := r.Header.Get(echo.HeaderAuthorization)
	if ticket == "" {
		ticket = r.Header.Get("Signature")
	}
	if err := s.checkTicket(ticket, r.Header.Get("x-cos-meta-fileid")); err != nil {
		return s.objectFailed(c, err)
	}
	file, err := s.Rooms.Storage.Upload(r.Context(), ticket, r.Body, r.Header.Get(echo.HeaderContentType), r.ContentLength)
	if err != nil {
		return s.objectFailed(c, err)
	}
	c.Response().Header().Set("ETag", `"`+file.ETag+`"`)
	return c.NoContent(http.StatusOK)
}

// postObject takes a file as the part "file" of a form, after the part that permits it. Mini-programs can upload by form
// only: what they mean as PUT arrives as a form with the permission in a header. Their SDK takes a status of 200 for one
// of a form of its own, and fails.
func (s *surface) postObject(c echo.Context) error {
	fields, file, err := exchange.FormFile(c)
	if err != nil {
		return s.objectFailed(c, err)
	}
	defer file.Close()
	ticket := fields["signature"]
	if ticket == "" {
		ticket = fields["Signature"]
	}
	metaFileID, put := fields["x-cos-meta-fileid"], ticket == ""
	if put {
		ticket, metaFileID = c.Request().Header.Get(echo.HeaderAuthorization), c.Request().Header.Get("x-cos-meta-fileid")
	}
	if err := s.checkTicket(ticket, metaFileID); err != nil {
		return s.objectFailed(c, err)
	}
	if _, err := s.Rooms.Storage.Upload(c.Request().Context(), ticket, io.Reader(file), file.Header.Get(echo.HeaderContentType), -1); err != nil {
		return s.objectFailed(c, err)
	}
	if put {
		return c.NoContent(http.StatusNoContent)
	}
	if fields["success_action_status"] == "201" {
		return c.NoContent(http.StatusCreated)
	}
	return c.NoContent(http.StatusOK)
}

// checkTicket refuses a ticket before the bytes are read, also one for another file than the request names.
func (s *surface) checkTicket(ticket, metaFileID string) error {
	if ticket == "" {
		return yunduo.Errorf(yunduo.ReasonGrantInvalid, "the upload carries no authorization; ask for its metadata first")
	}
	fileID, err := s.Rooms.Storage.GrantedFile(ticket)
	if err != nil {
		return err
	}
	if metaFileID != "" && metaFileID != url.QueryEscape(fileID) && metaFileID != fileID {
		return yunduo.Errorf(yunduo.ReasonGrantInvalid, "the authorization is for another file than x-cos-meta-fileid names")
	}
	return nil
}

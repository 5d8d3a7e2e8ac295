package cloudbase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// The vendor's object store, as far as its command line and manager SDK use it: they upload archives of functions there,
// and files of the app. The preload brings the hosts BUCKET.cos.REGION... to /cos/BUCKET.

const (
	cosPrefix = "/cos/"
	// stagingMark is in the names of the buckets for archives of functions.
	stagingMark = "tempcos-"
)

func (s *surface) mountCOS(e *echo.Echo) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete} {
		e.Add(method, cosPrefix+":bucket", s.cos)
		e.Add(method, cosPrefix+":bucket/*", s.cos)
	}
}

// cosRequest is a request to the object store.
type cosRequest struct {
	c      echo.Context
	bucket string
	key    string // without slashes in front
	path   string // as it was signed
}

func (s *surface) cos(c echo.Context) error {
	bucket, path, _ := strings.Cut(strings.TrimPrefix(c.Request().URL.Path, cosPrefix), "/")
	q := &cosRequest{c: c, bucket: bucket, key: strings.TrimLeft(path, "/"), path: "/" + path}
	var err error
	if strings.Contains(bucket, stagingMark) {
		err = s.stage(q)
	} else {
		err = s.bucket(q)
	}
	if err != nil {
		return s.objectFailed(c, err)
	}
	return nil
}

// query returns a parameter and whether it is there.
func (q *cosRequest) query(name string) (string, bool) {
	values, ok := q.c.QueryParams()[name]
	if !ok || len(values) == 0 {
		return "", ok
	}
	return values[0], true
}

func notOffered(q *cosRequest) error {
	return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this call of the object store (%s) is not offered here", q.c.Request().Method)
}

// reply answers with XML.
func (q *cosRequest) reply(body any) error { return q.c.XML(http.StatusOK, body) }

// stagingTicket lets a tool upload the archive of a function. The ticket stands for the caller, for a few minutes.
func stagingTicket(ctx context.Context, c *controlCall) (members, error) {
	if _, err := do[wire.App](ctx, c.request, "apps.get", &wire.Empty{}); err != nil {
		return nil, err
	}
	ticket, err := c.surface.Rooms.Auth.Ticket(c.call.Caller, c.call.App)
	if err != nil {
		return nil, err
	}
	return members{"Date": c.surface.Now().UTC().Format(time.DateOnly), "Sign": ticketDress + ticket}, nil
}

// ticketDress goes before a ticket: the tool's uploader refuses an authorization that does not look like a signature.
const ticketDress = "q-sign-algorithm=ticket&q-ak=yunduo&q-sign-time=0;0&q-key-time=0;0&q-header-list=&q-url-param-list=&q-signature="

// stage takes the archive of a function, in one piece or in parts. A large one begins with a question for parts that
// are there already: there are none, since each upload begins anew.
func (s *surface) stage(q *cosRequest) error {
	r := q.c.Request()
	if name, ok := strings.CutSuffix(q.key, archiveEnd); ok && q.bucket == codeBucket && r.Method == http.MethodGet {
		return s.downloadCode(q, name)
	}
	ticket, dressed := strings.CutPrefix(r.Header.Get(echo.HeaderAuthorization), ticketDress)
	if !dressed {
		return yunduo.Errorf(yunduo.ReasonTokenMissing, "the upload carries no ticket; ask for one with GetTempCosInfo")
	}
	caller, err := s.Rooms.Auth.VerifyTicket(r.Context(), ticket)
	if err != nil {
		return err
	}
	_, initiates := q.query("uploads")
	upload, parts := q.query("uploadId")
	number, numbered := q.query("partNumber")
	switch {
	case r.Method == http.MethodGet && initiates:
		return q.reply(listedUploads{Bucket: q.bucket})
	case r.Method == http.MethodGet && parts:
		return q.reply(listedParts{Bucket: q.bucket, Key: q.key, UploadID: upload})
	case r.Method == http.MethodPost && initiates:
		if err := s.Rooms.Functions.Unstage(r.Context(), caller, caller.App, q.key); err != nil {
			return err
		}
		return q.reply(begunUpload{Bucket: q.bucket, Key: q.key, UploadID: uploadName})
	case r.Method == http.MethodPost && parts:
		return q.reply(endedUpload{Bucket: q.bucket, Key: q.key, ETag: `"` + uploadName + `"`})
	case r.Method == http.MethodPut && numbered:
		part, err := strconv.Atoi(number)
		if err != nil || part < 1 {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "partNumber: %q is not a number from 1", clip(number))
		}
		return s.stagePart(q, caller, part)
	case r.Method == http.MethodPut:
		if err := s.Rooms.Functions.Unstage(r.Context(), caller, caller.App, q.key); err != nil {
			return err
		}
		return s.stagePart(q, caller, 0)
	}
	return notOffered(q)
}

// uploadName stands for the ID of an upload in parts: the archive's name says enough.
const uploadName = "yunduo"

func (s *surface) stagePart(q *cosRequest, caller yunduo.Caller, part int) error {
	r := q.c.Request()
	digest := sha256.New()
	body := io.TeeReader(r.Body, digest)
	if err := s.Rooms.Functions.Stage(r.Context(), caller, caller.App, q.key, part, body, r.ContentLength); err != nil {
		return err
	}
	q.c.Response().Header().Set("ETag", `"`+hex.EncodeToString(digest.Sum(nil))+`"`)
	return q.c.NoContent(http.StatusOK)
}

type listedUploads struct {
	XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
	Bucket      string
	IsTruncated bool
}

type listedParts struct {
	XMLName     xml.Name `xml:"ListPartsResult"`
	Bucket      string
	Key         string
	UploadID    string `xml:"UploadId"`
	IsTruncated bool
}

type begunUpload struct {
	XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

type endedUpload struct {
	XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
	Bucket  string
	Key     string
	ETag    string
}

// cosSigned verifies a signed request to the object store.
func (s *surface) cosSigned(q *cosRequest) (*request, error) {
	if !s.COSSignatures {
		return nil, cosRefused()
	}
	r := q.c.Request()
	authorization, err := parseCOS(r.Header.Get(echo.HeaderAuthorization))
	if err != nil {
		return nil, err
	}
	signer, err := s.signer(r.Context(), authorization.secretID, r.Header.Get("x-cos-security-token"))
	if err != nil {
		return nil, err
	}
	params, err := authorization.allParams(q.c.QueryParams())
	if err != nil {
		return nil, err
	}
	param := func(name string) string { return params[strings.ToLower(name)] }
	if err := authorization.verify(signer.secret, r.Method, q.path, param, signedHeader(r), s.Now()); err != nil {
		return nil, err
	}
	return s.signedRequest(q.c.Request().Context(), q.c, signer), nil
}

// bucket serves the app's files.
func (s *surface) bucket(q *cosRequest) error {
	r, err := s.cosSigned(q)
	if err != nil {
		return err
	}
	ctx := q.c.Request().Context()
	if taken, err := s.parts(ctx, q, r); taken {
		return err
	}
	_, many := q.query("delete")
	switch method := q.c.Request().Method; {
	case method == http.MethodGet && q.key == "":
		return s.listBucket(ctx, q, r)
	case method == http.MethodPost && q.key == "" && many:
		return deleteListed(ctx, q, r)
	case q.key == "":
		return notOffered(q)
	case method == http.MethodPut:
		return s.putFile(ctx, q, r)
	case method == http.MethodHead:
		file, err := do[wire.File](ctx, r, "files.stat", &wire.FileRequest{FileID: fileIDOf(r, q.key)})
		if err != nil {
			return err
		}
		h := q.c.Response().Header()
		h.Set(echo.HeaderContentLength, strconv.FormatInt(file.Size, 10))
		h.Set(echo.HeaderContentType, file.ContentType)
		h.Set(echo.HeaderLastModified, file.ModifiedAt.UTC().Format(http.TimeFormat))
		return q.c.NoContent(http.StatusOK)
	case method == http.MethodDelete:
		if err := r.deleteKeys(ctx, []string{q.key}); err != nil {
			return err
		}
		return q.c.NoContent(http.StatusNoContent)
	}
	return notOffered(q)
}

func fileIDOf(r *request, key string) string {
	return "cloud://" + string(r.call.App) + "." + bucketName + "/" + key
}

func (s *surface) putFile(ctx context.Context, q *cosRequest, r *request) error {
	hr := q.c.Request()
	granted, err := do[wire.GrantUploadResponse](ctx, r, "files.grantUpload", &wire.GrantUploadRequest{Path: q.key})
	if err != nil {
		return err
	}
	file, err := s.Rooms.Storage.Upload(ctx, granted.Ticket, hr.Body, hr.Header.Get(echo.HeaderContentType), hr.ContentLength)
	if err != nil {
		return err
	}
	q.c.Response().Header().Set("ETag", `"`+file.ETag+`"`)
	return q.c.NoContent(http.StatusOK)
}

func (r *request) deleteKeys(ctx context.Context, keys []string) error {
	request := &wire.DeleteFilesRequest{}
	for _, key := range keys {
		request.FileIDs = append(request.FileIDs, fileIDOf(r, key))
	}
	response, err := do[wire.DeleteFilesResponse](ctx, r, "files.delete", request)
	if err != nil {
		return err
	}
	for _, f := range response.Files {
		if f.Error != nil && f.Error.Reason != string(yunduo.ReasonFileNotFound) { // as the vendor's store has it
			return yunduo.Errorf(yunduo.Reason(f.Error.Reason), "%s", f.Error.Message)
		}
	}
	return nil
}

func deleteListed(ctx context.Context, q *cosRequest, r *request) error {
	body, err := exchange.Body(q.c, 1<<20)
	if err != nil {
		return err
	}
	var list struct {
		Object []struct{ Key string }
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the body must be a list of objects in XML")
	}
	type deleted struct{ Key string }
	result := struct {
		XMLName xml.Name  `xml:"DeleteResult"`
		Deleted []deleted `xml:"Deleted"`
	}{}
	keys := []string{}
	for _, o := range list.Object {
		keys = append(keys, o.Key)
		result.Deleted = append(result.Deleted, deleted(o))
	}
	if len(keys) > 0 {
		if err := r.deleteKeys(ctx, keys); err != nil {
			return err
		}
	}
	return q.reply(result)
}

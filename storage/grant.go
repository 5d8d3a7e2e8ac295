package storage

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"

	"yunduo"
)

// GrantLifetime is how long an upload may begin after it was granted.
const GrantLifetime = time.Hour

// GrantRequest asks to upload one file.
type GrantRequest struct {
	Path        string
	Size        int64  // bytes at most; 0 is what the server takes
	ContentType string // empty leaves it to the upload and the name
}

// Grant allows one caller to store one file for a while, also again.
type Grant struct {
	FileID    string // the file's ID once it is stored
	Ticket    string // for Upload; safe in a URL path or query
	ExpiresAt time.Time
}

// ticket is what a grant's ticket says, signed.
type ticket struct {
	App         yunduo.AppID `json:"a"`
	Path        string       `json:"p"`
	Owner       string       `json:"o,omitempty"`
	UserID      string       `json:"u,omitempty"` // as far as it is not the owner
	UnionID     string       `json:"n,omitempty"`
	Provider    string       `json:"w,omitempty"`
	Anonymous   bool         `json:"y,omitempty"`
	Privileged  bool         `json:"v,omitempty"`
	Limit       int64        `json:"s"`
	ContentType string       `json:"t,omitempty"`
	Expires     int64        `json:"e"` // Unix seconds
}

// caller returns who may do what the ticket says, for the checks at the upload.
func (t ticket) caller() yunduo.Caller {
	caller := yunduo.Caller{App: t.App, Role: yunduo.RoleUser, OpenID: t.Owner, UserID: t.UserID, UnionID: t.UnionID, Provider: t.Provider}
	if caller.UserID == "" {
		caller.UserID = t.Owner
	}
	switch {
	case t.Privileged:
		caller.Role = yunduo.RoleFunction
	case t.Anonymous:
		caller.Role = yunduo.RoleAnonymous
	}
	return caller
}

// GrantUpload allows the caller to upload a file; invalid_file_id, file_denied, file_too_large, invalid_request.
func (s *Store) GrantUpload(ctx context.Context, caller yunduo.Caller, request GrantRequest) (Grant, error) {
	if err := admit(caller); err != nil {
		return Grant{}, err
	}
	path, err := CleanPath(request.Path)
	if err != nil {
		return Grant{}, err
	}
	limit := s.options.MaxFileSize
	switch {
	case request.Size < 0:
		return Grant{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "size is %d; a file has no negative size", request.Size)
	case request.Size > limit:
		return Grant{}, tooLarge(limit)
	case request.Size > 0:
		limit = request.Size
	}
	old, err := s.present(ctx, caller.App, path)
	if err != nil {
		return Grant{}, err
	}
	if err := s.mayWrite(ctx, caller, record{Path: path, Size: request.Size, ContentType: contentTypeOf(path, request.ContentType)}, old); err != nil {
		return Grant{}, err
	}
	expires := s.options.Now().Add(GrantLifetime).Truncate(time.Second)
	granted := ticket{
		App: caller.App, Path: path, Owner: owner(caller), Privileged: caller.Privileged(), Limit: limit,
		ContentType: request.ContentType, Expires: expires.Unix(),
	}
	if caller.EndUser() {
		granted.UnionID, granted.Provider, granted.Anonymous = caller.UnionID, caller.Provider, caller.Role == yunduo.RoleAnonymous
		if caller.UserID != granted.Owner {
			granted.UserID = caller.UserID
		}
	}
	text, err := json.Marshal(granted)
	if err != nil {
		return Grant{}, yunduo.Wrap(err, yunduo.ReasonInternal, "the upload ticket cannot be written")
	}
	encoded := base64.RawURLEncoding.EncodeToString(text)
	return Grant{
		FileID:    FileID(caller.App, path),
		Ticket:    encoded + "." + s.signer.sign(purposeUpload, encoded),
		ExpiresAt: expires.UTC(),
	}, nil
}

// Upload stores the bytes of body as the file that a ticket grants. size is their number, -1 when unknown; contentType
// counts if neither the grant nor the name tells the type. It returns grant_invalid, file_denied if somebody else has
// taken the path meanwhile, file_too_large, invalid_request when body has another size, storage_full, bucket_failed.
func (s *Store) Upload(ctx context.Context, encoded string, body io.Reader, contentType string, size int64) (File, error) {
	t, err := s.openTicket(encoded)
	if err != nil {
		return File{}, err
	}
	if t.ContentType != "" {
		contentType = t.ContentType
	} else if told := typeOfName(t.Path); told != "" {
		// Clients send a type of their own making with raw bytes, so the name is the better witness.
		contentType = told
	}
	return s.store(ctx, t.caller(), upload{path: t.Path, body: body, size: size, limit: t.Limit, contentType: contentType})
}

// GrantedFile returns the ID of the file that a ticket grants, with grant_invalid as in Upload, so that a surface can
// check a ticket before it takes the bytes.
func (s *Store) GrantedFile(encoded string) (fileID string, err error) {
	t, err := s.openTicket(encoded)
	if err != nil {
		return "", err
	}
	return FileID(t.App, t.Path), nil
}

func (s *Store) openTicket(encoded string) (ticket, error) {
	text, signature, _ := strings.Cut(encoded, ".")
	if err := s.signer.verify(purposeUpload, text, signature); err != nil {
		return ticket{}, err
	}
	var t ticket
	content, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(content, &t)
	}
	if err != nil {
		return ticket{}, invalidGrant("is not valid")
	}
	if s.options.Now().Unix() >= t.Expires {
		return ticket{}, invalidGrant("has expired")
	}
	return t, nil
}

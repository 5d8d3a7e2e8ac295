package wire

import "time"

// GrantUploadRequest asks for permission to upload one file.
type GrantUploadRequest struct {
	Path        string `json:"path"`
	Size        int64  `json:"size,omitempty"`
	ContentType string `json:"contentType,omitempty"`
}

// GrantUploadResponse says where and how to send the bytes.
type GrantUploadResponse struct {
	FileID    string            `json:"fileId"`
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expiresAt"`
	// Ticket is the permission that URL carries, for clients that send it in another way.
	Ticket string `json:"ticket"`
}

// FileURLRequest names a file and how long its temporary URL shall work.
type FileURLRequest struct {
	FileID        string `json:"fileId"`
	MaxAgeSeconds int64  `json:"maxAge,omitempty"`
}

// FileURLsRequest asks for temporary URLs.
type FileURLsRequest struct {
	Files []FileURLRequest `json:"files"`
}

// FileURL is a temporary URL, or why there is none.
type FileURL struct {
	FileID        string     `json:"fileId"`
	URL           string     `json:"url,omitempty"`
	MaxAgeSeconds int64      `json:"maxAge,omitempty"`
	Error         *ErrorBody `json:"error,omitempty"`
}

// FileURLsResponse answers in the order of the request.
type FileURLsResponse struct {
	Files []FileURL `json:"files"`
}

// DeleteFilesRequest names files to remove.
type DeleteFilesRequest struct {
	FileIDs []string `json:"fileIds"`
}

// DeletedFile says whether a file was removed.
type DeletedFile struct {
	FileID string     `json:"fileId"`
	Error  *ErrorBody `json:"error,omitempty"`
}

// DeleteFilesResponse answers in the order of the request.
type DeleteFilesResponse struct {
	Files []DeletedFile `json:"files"`
}

// CopyFileRequest copies one file; From and To are paths or file IDs.
type CopyFileRequest struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Overwrite bool   `json:"overwrite,omitempty"` // replace a file that is there
	Move      bool   `json:"move,omitempty"`      // remove the original afterwards
}

// CopyFilesRequest names files to copy.
type CopyFilesRequest struct {
	Files []CopyFileRequest `json:"files"`
}

// CopiedFile says whether a file was copied, and what the copy is called.
type CopiedFile struct {
	FileID string     `json:"fileId"`
	Error  *ErrorBody `json:"error,omitempty"`
}

// CopyFilesResponse answers in the order of the request.
type CopyFilesResponse struct {
	Files []CopiedFile `json:"files"`
}

// ListFilesRequest asks for a page of files under a path prefix.
type ListFilesRequest struct {
	Prefix string `json:"prefix,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// File describes a stored file.
type File struct {
	FileID      string    `json:"fileId"`
	Path        string    `json:"path"`
	Size        int64     `json:"size"`
	ContentType string    `json:"contentType"`
	Owner       string    `json:"owner,omitempty"`
	ModifiedAt  time.Time `json:"modifiedAt"`
}

// ListFilesResponse is a page of files; Next continues it, empty at the end.
type ListFilesResponse struct {
	Files []File `json:"files"`
	Next  string `json:"next,omitempty"`
}

// FileRequest names a file.
type FileRequest struct {
	FileID string `json:"fileId"`
}

// WriteFileRequest stores the attachment as a file. Function code only.
type WriteFileRequest struct {
	Path        string `json:"path"`
	ContentType string `json:"contentType,omitempty"`
}

// WriteFileResponse names the stored file.
type WriteFileResponse struct {
	FileID string `json:"fileId"`
}

// UploadRequest names an upload in parts. Function code only.
type UploadRequest struct {
	Upload string `json:"upload"`
}

// UploadResponse names the upload that was begun.
type UploadResponse struct {
	Upload string `json:"upload"`
}

// ReadFileRequest asks for a range of a file's bytes, given in the attachment. Function code only.
type ReadFileRequest struct {
	FileID string `json:"fileId"`
	Offset int64  `json:"offset,omitempty"`
	Length int64  `json:"length,omitempty"`
}

// ReadFileResponse describes the file the bytes belong to.
type ReadFileResponse struct {
	Size        int64  `json:"size"`
	ContentType string `json:"contentType"`
}

package api

import (
	"bytes"
	"context"
	"io"
	"math"
	"time"

	"yunduo"
	"yunduo/storage"
	"yunduo/storage/driver"
	"yunduo/wire"
)

// MaxAttachment is how many bytes function code sends or asks for at once.
const MaxAttachment = 4 << 20

func fileOperations() []*Operation {
	return []*Operation{
		row("files.grantUpload", SignedIn, "Ask for permission to upload a file", grantUpload),
		row("files.urls", SignedIn, "Make temporary addresses of files", fileURLs),
		row("files.delete", SignedIn, "Delete files", deleteFiles),
		row("files.copy", SignedIn, "Copy or move files", copyFiles),
		row("files.list", SignedIn, "List files under a path", listFiles),
		row("files.stat", SignedIn, "Describe a file", statFile),
		row("files.write", FunctionOnly, "Store the attachment as a file", writeFile),
		row("files.beginWrite", FunctionOnly, "Begin to store a file in parts", beginWrite),
		row("files.appendWrite", FunctionOnly, "Add the attachment to a file that is being stored", appendWrite),
		row("files.endWrite", FunctionOnly, "Finish storing a file in parts", endWrite),
		row("files.read", FunctionOnly, "Read a part of a file into the attachment", readFile),
	}
}

// inApp returns the caller as acting in the app of the call: an operator acts in whichever it names.
func (c *Call) inApp() yunduo.Caller {
	caller := c.Caller
	if caller.Operator() {
		caller.App = c.App
	}
	return caller
}

func wireFile(f storage.File) wire.File {
	return wire.File{FileID: f.ID, Path: f.Path, Size: f.Size, ContentType: f.ContentType, Owner: f.Owner, ModifiedAt: f.ModifiedAt}
}

func fileError(ctx context.Context, err error) *wire.ErrorBody {
	body := wire.NewErrorBody(err, yunduo.RequestID(ctx))
	return &body
}

func grantUpload(ctx context.Context, a *API, call *Call, req *wire.GrantUploadRequest) (*wire.GrantUploadResponse, error) {
	grant, err := a.rooms.Storage.GrantUpload(ctx, call.inApp(), storage.GrantRequest{Path: req.Path, Size: req.Size, ContentType: req.ContentType})
	if err != nil {
		return nil, err
	}
	return &wire.GrantUploadResponse{
		FileID: grant.FileID, Ticket: grant.Ticket, Method: "PUT", Headers: map[string]string{}, ExpiresAt: grant.ExpiresAt,
		URL: call.BaseURL + "/v1/apps/" + string(call.App) + "/files/upload/" + grant.Ticket,
	}, nil
}

// maxFiles is how many files one request may name.
const maxFiles = 1000

func checkFiles(field string, n int) error {
	if n > maxFiles {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "field %q names %d files; at most %d are allowed", field, n, maxFiles)
	}
	return nil
}

// maxAge is a wire age in seconds as a duration; what a duration cannot hold is as long as one can be.
func maxAge(seconds int64) time.Duration {
	return time.Duration(min(max(seconds, -1), int64(math.MaxInt64/time.Second))) * time.Second
}

func fileURLs(ctx context.Context, a *API, call *Call, req *wire.FileURLsRequest) (*wire.FileURLsResponse, error) {
	if err := checkFiles("files", len(req.Files)); err != nil {
		return nil, err
	}
	response := &wire.FileURLsResponse{Files: make([]wire.FileURL, len(req.Files))}
	for i, f := range req.Files {
		response.Files[i].FileID = f.FileID
		signed, err := a.rooms.Storage.SignDownload(ctx, call.inApp(), f.FileID, maxAge(f.MaxAgeSeconds))
		if err != nil {
			response.Files[i].Error = fileError(ctx, err)
			continue
		}
		response.Files[i].URL = call.BaseURL + "/v1/apps/" + string(call.App) + "/files/content/" + signed.Address + "?sign=" + signed.Sign
		response.Files[i].MaxAgeSeconds = int64(signed.ExpiresAt.Sub(a.now()).Seconds())
	}
	return response, nil
}

func deleteFiles(ctx context.Context, a *API, call *Call, req *wire.DeleteFilesRequest) (*wire.DeleteFilesResponse, error) {
	if err := checkFiles("fileIds", len(req.FileIDs)); err != nil {
		return nil, err
	}
	results, err := a.rooms.Storage.Delete(ctx, call.inApp(), req.FileIDs)
	if err != nil {
		return nil, err
	}
	response := &wire.DeleteFilesResponse{Files: make([]wire.DeletedFile, len(results))}
	for i, result := range results {
		response.Files[i].FileID = result.FileID
		if result.Err != nil {
			response.Files[i].Error = fileError(ctx, result.Err)
		}
	}
	return response, nil
}

func copyFiles(ctx context.Context, a *API, call *Call, req *wire.CopyFilesRequest) (*wire.CopyFilesResponse, error) {
	if err := checkFiles("files", len(req.Files)); err != nil {
		return nil, err
	}
	response := &wire.CopyFilesResponse{Files: make([]wire.CopiedFile, len(req.Files))}
	for i, f := range req.Files {
		copied, err := a.rooms.Storage.Copy(ctx, call.inApp(), storage.CopyRequest{From: f.From, To: f.To, Overwrite: f.Overwrite, Move: f.Move})
		if err != nil {
			response.Files[i].Error = fileError(ctx, err)
			continue
		}
		response.Files[i].FileID = copied.ID
	}
	return response, nil
}

func listFiles(ctx context.Context, a *API, call *Call, req *wire.ListFilesRequest) (*wire.ListFilesResponse, error) {
	page, err := a.rooms.Storage.List(ctx, call.inApp(), storage.ListRequest{Prefix: req.Prefix, After: req.After, Limit: req.Limit})
	if err != nil {
		return nil, err
	}
	response := &wire.ListFilesResponse{Files: make([]wire.File, len(page.Files)), Next: page.Next}
	for i, f := range page.Files {
		response.Files[i] = wireFile(f)
	}
	return response, nil
}

func statFile(ctx context.Context, a *API, call *Call, req *wire.FileRequest) (*wire.File, error) {
	f, err := a.rooms.Storage.Stat(ctx, call.inApp(), req.FileID)
	if err != nil {
		return nil, err
	}
	file := wireFile(f)
	return &file, nil
}

func writeFile(ctx context.Context, a *API, call *Call, req *wire.WriteFileRequest) (*wire.WriteFileResponse, error) {
	f, err := a.rooms.Storage.Write(ctx, call.inApp(), req.Path, bytes.NewReader(call.Attachment), req.ContentType)
	if err != nil {
		return nil, err
	}
	return &wire.WriteFileResponse{FileID: f.ID}, nil
}

func readFile(ctx context.Context, a *API, call *Call, req *wire.ReadFileRequest) (*wire.ReadFileResponse, error) {
	if req.Offset < 0 || req.Length < 0 {
		return nil, yunduo.Errorf(yunduo.ReasonRangeInvalid, "offset and length must not be negative")
	}
	object, err := a.rooms.Storage.Open(ctx, call.inApp(), req.FileID)
	if err != nil {
		return nil, err
	}
	response := &wire.ReadFileResponse{Size: object.File().Size, ContentType: object.File().ContentType}
	if req.Offset >= response.Size {
		return response, nil
	}
	if req.Length == 0 || req.Length > MaxAttachment {
		req.Length = MaxAttachment
	}
	body, err := object.Open(ctx, driver.Range{Offset: req.Offset, Length: req.Length})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	call.ResponseAttachment, err = io.ReadAll(io.LimitReader(body, MaxAttachment))
	return response, err
}

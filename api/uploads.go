package api

import (
	"context"
	"io"
	"sync"

	"yunduo"
	"yunduo/storage"
	"yunduo/wire"
)

// maxUploads is how many files one invocation stores in parts at the same time.
const maxUploads = 8

// upload is a file that function code is storing in parts. Its bytes flow through a pipe into the bucket.
type upload struct {
	invocation string
	pipe       *io.PipeWriter
	done       chan struct{}
	file       storage.File // valid once done is closed
	err        error
}

// uploads are the files being stored in parts, by ID. They end with the invocation that began them.
type uploads struct {
	mu   sync.Mutex
	open map[string]*upload
}

func (u *uploads) add(id string, up *upload) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.open == nil {
		u.open = map[string]*upload{}
	}
	n := 0
	for _, other := range u.open {
		if other.invocation == up.invocation {
			n++
		}
	}
	if n >= maxUploads {
		return yunduo.Errorf(yunduo.ReasonRateLimited, "one invocation stores at most %d files in parts at the same time", maxUploads)
	}
	u.open[id] = up
	return nil
}

func (u *uploads) get(id, invocation string) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up, ok := u.open[id]
	if !ok || up.invocation != invocation {
		return nil, yunduo.Errorf(yunduo.ReasonGrantInvalid, "there is no upload %q: it was finished or its invocation has ended", id)
	}
	return up, nil
}

func (u *uploads) remove(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, id)
}

func (u *uploads) closeAll() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, up := range u.open {
		up.pipe.CloseWithError(yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping"))
	}
}

func beginWrite(ctx context.Context, a *API, call *Call, req *wire.WriteFileRequest) (*wire.UploadResponse, error) {
	if _, err := storage.CleanPath(req.Path); err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	id, up := yunduo.NewID(), &upload{invocation: call.Caller.InvocationID, pipe: writer, done: make(chan struct{})}
	if err := a.uploads.add(id, up); err != nil {
		return nil, err
	}
	a.streams.Add(1)
	go func() {
		defer a.streams.Done()
		defer a.uploads.remove(id)
		up.file, up.err = a.rooms.Storage.Write(ctx, call.inApp(), req.Path, reader, req.ContentType)
		reader.CloseWithError(up.err)
		close(up.done)
	}()
	// ctx is the invocation's: when the code stops half-way, the upload ends without a file.
	context.AfterFunc(ctx, func() { writer.CloseWithError(context.Cause(ctx)) })
	return &wire.UploadResponse{Upload: id}, nil
}

func appendWrite(_ context.Context, a *API, call *Call, req *wire.UploadRequest) (*wire.Empty, error) {
	up, err := a.uploads.get(req.Upload, call.Caller.InvocationID)
	if err != nil {
		return nil, err
	}
	if _, err := up.pipe.Write(call.Attachment); err != nil {
		return nil, err
	}
	return &wire.Empty{}, nil
}

func endWrite(ctx context.Context, a *API, call *Call, req *wire.UploadRequest) (*wire.WriteFileResponse, error) {
	up, err := a.uploads.get(req.Upload, call.Caller.InvocationID)
	if err != nil {
		return nil, err
	}
	if err := up.pipe.Close(); err != nil {
		return nil, err
	}
	select {
	case <-up.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if up.err != nil {
		return nil, up.err
	}
	return &wire.WriteFileResponse{FileID: up.file.ID}, nil
}

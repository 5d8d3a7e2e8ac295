package api

import (
	"context"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/interchange"
	"yunduo/wire"
)

const (
	restoreBatch = 1000
	restoreBytes = 4 << 20
)

// restoreArchive exchanges all documents of an app for those of an archive, at once when the whole archive has come in.
func restoreArchive(ctx context.Context, a *API, call *Call, req *wire.RestoreArchiveRequest) (*wire.RestoredArchive, error) {
	if req.Confirm != string(call.App) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"confirm\" must be %q: all documents of that app are exchanged", string(call.App))
	}
	if call.Body == nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the archive is missing: it is the body of the request")
	}
	reader, err := interchange.NewReader(call.Body, interchange.Archive, interchange.Options{Now: a.now()})
	if err != nil {
		return nil, err
	}
	archive, ok := reader.(*interchange.ArchiveReader)
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the body is no archive")
	}
	result := &wire.RestoredArchive{}
	err = a.rooms.Documents.LoadApp(ctx, call.Caller, call.App, func(sink driver.Sink) error {
		for _, c := range archive.Collections() {
			if err := sink.Create(ctx, driver.CollectionInfo{Name: c.Name}, c.Indexes); err != nil {
				return err
			}
			result.Collections++
		}
		return fillFrom(ctx, archive, sink, result)
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// fillFrom gives a sink the documents of an archive. Here nothing is left out: a document that cannot be read fails all.
func fillFrom(ctx context.Context, archive *interchange.ArchiveReader, sink driver.Sink, result *wire.RestoredArchive) error {
	var name string
	var batch []bson.Raw
	bytes := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := sink.Insert(ctx, name, batch)
		result.Documents += int64(len(batch))
		batch, bytes = nil, 0
		return err
	}
	for {
		record, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return flush()
		}
		if err != nil {
			return err
		}
		if record.Collection != name || len(batch) == restoreBatch || bytes > restoreBytes {
			if err := flush(); err != nil {
				return err
			}
			name = record.Collection
		}
		batch, bytes = append(batch, record.Document), bytes+len(record.Document)
	}
}

func backupServer(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Empty, error) {
	if a.rooms.Backup == nil || call.Reply == nil {
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server makes no backups; use those of its database and bucket")
	}
	return &wire.Empty{}, a.rooms.Backup(ctx, call.Body, call.Reply)
}

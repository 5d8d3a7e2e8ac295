package api

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/interchange"
	"yunduo/wire"
)

// exportBuffer is how much of a file is held back before the first byte is sent: what goes wrong until then is an
// ordinary error.
const exportBuffer = 64 << 10

// export writes a file by write, packed if the request says so.
func export(call *Call, packed bool, write func(io.Writer) error) (*wire.Empty, error) {
	if call.Reply == nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "this surface cannot send files")
	}
	out := bufio.NewWriterSize(call.Reply, exportBuffer)
	if !packed {
		if err := write(out); err != nil {
			return nil, err
		}
		return &wire.Empty{}, out.Flush()
	}
	zipped := gzip.NewWriter(out)
	if err := write(zipped); err != nil {
		return nil, err
	}
	return &wire.Empty{}, errors.Join(zipped.Close(), out.Flush())
}

func exportFile(ctx context.Context, a *API, call *Call, req *wire.ExportRequest) (*wire.Empty, error) {
	s, filter, err := a.filtered(call, "", req.Filter)
	if err != nil {
		return nil, err
	}
	format := interchange.Format(req.Format)
	if format == "" {
		format = interchange.Lines
	}
	columns := req.Fields
	var found interchange.Columns
	if format == interchange.CSV && len(columns) == 0 {
		if err := each(ctx, s, req.Collection, filter, found.Add); err != nil {
			return nil, err
		}
		if columns = found.List(); len(columns) == 0 {
			columns = []string{"_id"}
		}
	}
	return export(call, req.Gzip, func(out io.Writer) error {
		w, err := interchange.NewWriter(out, format, req.Canonical, columns)
		if err != nil {
			return err
		}
		before := len(found.List())
		err = each(ctx, s, req.Collection, filter, func(doc bson.Raw) error {
			if before > 0 {
				if err := found.Add(doc); err != nil {
					return err
				}
			}
			return w.Write(doc)
		})
		if err == nil && len(found.List()) != before {
			err = yunduo.Errorf(yunduo.ReasonTransactionConflict, "documents with other fields were written meanwhile; export again or name the fields")
		}
		if err != nil {
			return err
		}
		return w.Close()
	})
}

// each calls fn with the documents of a collection that match, in one consistent state.
func each(ctx context.Context, s *documents.Session, collection string, filter bson.Raw, fn func(bson.Raw) error) error {
	cursor, err := s.Find(ctx, collection, documents.Query{Filter: filter, NoLimit: true})
	if err != nil {
		return err
	}
	defer cursor.Close()
	for cursor.Next(ctx) {
		if err := fn(cursor.Current()); err != nil {
			return err
		}
	}
	return cursor.Err()
}

func exportArchive(ctx context.Context, a *API, call *Call, req *wire.ExportRequest) (*wire.Empty, error) {
	if req.Format != "" && req.Format != string(interchange.Archive) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "format: %.20q holds one collection; name one", req.Format)
	}
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	infos, err := s.Collections(ctx)
	if err != nil {
		return nil, err
	}
	collections := make([]interchange.Collection, len(infos))
	for i, info := range infos {
		collections[i].Name = info.Name
		if collections[i].Indexes, err = readyIndexes(ctx, s, info.Name); err != nil {
			return nil, err
		}
	}
	return export(call, req.Gzip, func(out io.Writer) error {
		w, err := interchange.NewArchiveWriter(out, string(call.App), collections)
		if err != nil {
			return err
		}
		for _, c := range collections {
			if err := w.Begin(c.Name); err != nil {
				return err
			}
			if err := each(ctx, s, c.Name, nil, w.Write); err != nil {
				return err
			}
		}
		return w.Close()
	})
}

// readyIndexes lists the indexes that are in use or being built.
func readyIndexes(ctx context.Context, s *documents.Session, collection string) ([]driver.Index, error) {
	all, err := s.Indexes(ctx, collection)
	if err != nil {
		return nil, err
	}
	var list []driver.Index
	for _, index := range all {
		if index.Build == nil || index.Build.Failed == "" {
			index.Build = nil
			list = append(list, index)
		}
	}
	return list, nil
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/interchange"
	"yunduo/wire"
)

func transferOperations() []*Operation {
	return []*Operation{
		row("documents.import", Owner, "Import a file into a collection", importFile),
		row("documents.importArchive", Owner, "Import an archive of mongodump into the app", importArchive),
		row("documents.export", Owner, "Export a collection as a file", exportFile),
		row("documents.exportArchive", Owner, "Export all collections as an archive that mongorestore reads", exportArchive),
	}
}

func importFile(ctx context.Context, a *API, call *Call, req *wire.ImportRequest) (*wire.ImportReport, error) {
	if req.Format == string(interchange.Archive) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "format: an archive holds many collections; import it into the app, not into one collection")
	}
	return a.importBody(ctx, call, req)
}

func importArchive(ctx context.Context, a *API, call *Call, req *wire.ImportRequest) (*wire.ImportReport, error) {
	if req.Format == "" {
		req.Format = string(interchange.Archive)
	}
	if req.Format != string(interchange.Archive) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "format: %.20q belongs into a collection; name one", req.Format)
	}
	return a.importBody(ctx, call, req)
}

// maxRejections is how many rejected documents a report lists.
const maxRejections = 1000

// importer brings the records of a file into their collections, one collection at a time.
type importer struct {
	s       *documents.Session
	request *wire.ImportRequest
	report  wire.ImportReport
	current *documents.Import // nil before the first record
	name    string            // of its collection
	skipped map[string]bool   // collections of an archive whose names are not possible here
}

func (a *API) importBody(ctx context.Context, call *Call, req *wire.ImportRequest) (*wire.ImportReport, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	if call.Body == nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the file is missing: it is the body of the request")
	}
	i := &importer{s: s, request: req, skipped: map[string]bool{}}
	if req.Collection != "" { // is made even by an empty file, and refused before anything is read
		if err := i.into(ctx, req.Collection); err != nil {
			return nil, err
		}
	}
	reader, err := interchange.NewReader(call.Body, interchange.Format(req.Format), interchange.Options{Now: a.now()})
	if err != nil {
		return nil, err
	}
	broken, err := i.run(ctx, reader)
	if err == nil {
		err = i.finish(ctx)
	}
	if err != nil {
		return nil, err
	}
	if broken != nil {
		i.report.Error = fileError(ctx, broken)
		// Or the client would learn of a broken connection instead of a broken file.
		_, _ = io.Copy(io.Discard, call.Body)
		return &i.report, nil
	}
	if archive, ok := reader.(*interchange.ArchiveReader); ok {
		i.indexes(ctx, archive.Collections())
	}
	return &i.report, nil
}

// run imports every record. broken says why the file could not be read to its end, err why the import could not go on.
func (i *importer) run(ctx context.Context, reader interchange.Reader) (broken, err error) {
	for {
		record, err := reader.Next()
		var rejected *interchange.Rejection
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case errors.As(err, &rejected):
			if err := i.into(ctx, rejected.Collection); err != nil {
				return nil, err
			}
			if i.current != nil {
				i.current.Reject(rejected.Number, rejected.Cause)
			}
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return err, nil
		}
		if err := i.into(ctx, record.Collection); err != nil {
			return nil, err
		}
		if i.current == nil { // a collection that cannot be here
			i.report.Rejected++
			continue
		}
		if err := i.current.Add(ctx, record.Number, record.Document); err != nil {
			return nil, err
		}
	}
}

// into makes a collection the one that records go to, after the one before is finished. Without a name it is the
// request's.
func (i *importer) into(ctx context.Context, collection string) error {
	if collection == "" {
		collection = i.request.Collection
	}
	if collection == i.name && (i.current != nil || i.skipped[collection]) {
		return nil
	}
	if err := i.finish(ctx); err != nil {
		return err
	}
	o := documents.ImportOptions{Mode: documents.ImportMode(i.request.Mode), Source: i.request.Source}
	var err error
	i.name = collection
	i.current, err = i.s.NewImport(ctx, collection, o)
	if err != nil && i.request.Collection == "" && yunduo.ReasonOf(err) == yunduo.ReasonInvalidCollectionName {
		if !i.skipped[collection] {
			i.report.Warnings = append(i.report.Warnings, yunduo.AsError(err).Message)
			i.skipped[collection] = true
		}
		return nil
	}
	return err
}

// finish writes what is left of the collection and adds what was done to the report.
func (i *importer) finish(ctx context.Context) error {
	if i.current == nil {
		return nil
	}
	done, err := i.current.Finish(ctx)
	i.current = nil
	i.report.Inserted += done.Inserted
	i.report.Updated += done.Updated
	i.report.Unchanged += done.Unchanged
	i.report.Rejected += done.Rejected
	for _, r := range done.Rejections {
		if len(i.report.Rejections) == maxRejections {
			break
		}
		e := yunduo.AsError(r.Cause)
		i.report.Rejections = append(i.report.Rejections, wire.Rejection{Collection: i.name, Line: r.Number, Reason: string(e.Reason), Message: e.Message})
	}
	return err
}

func (i *importer) indexes(ctx context.Context, collections []interchange.Collection) {
	for _, c := range collections {
		if i.skipped[c.Name] {
			continue
		}
		for _, index := range c.Indexes {
			if err := i.s.CreateIndex(ctx, c.Name, index); err != nil {
				i.report.Warnings = append(i.report.Warnings, fmt.Sprintf("index %q of %q: %s", index.Name, c.Name, yunduo.AsError(err).Message))
				continue
			}
			i.report.Indexes++
		}
	}
}

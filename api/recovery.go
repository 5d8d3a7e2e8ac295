package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/query/ejson"
	"yunduo/wire"
)

func recoveryOperations() []*Operation {
	return []*Operation{
		row("history.list", Owner, "Who changed a document or a collection, the newest change first", listHistory),
		row("history.restore", Owner, "Take a document or a collection back to a moment", restoreDocuments),
		row("trash.list", Owner, "List the dropped collections that can be brought back", listTrash),
		row("trash.restore", Owner, "Bring a dropped collection back", undrop),
		row("trash.delete", Owner, "Remove a dropped collection for good", purge),
		row("apps.restore", Owner, "Take all documents of an app back to a moment", restoreApp),
		row("apps.restoreArchive", Owner, "Give an app the documents of an archive instead of all that it has", restoreArchive),
		row("server.backup", Operator, "Make a backup of the whole server", backupServer),
		row("apps.restoreStatus", Owner, "How far the restore of an app is", restoreAppStatus),
	}
}

// optionalID decodes the _id that a request may name.
func (a *API) optionalID(text json.RawMessage) (bson.RawValue, error) {
	if len(text) == 0 || string(text) == "null" {
		return bson.RawValue{}, nil
	}
	return a.value("id", text)
}

func listHistory(ctx context.Context, a *API, call *Call, req *wire.HistoryRequest) (*wire.HistoryResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	id, err := a.optionalID(req.ID)
	if err != nil {
		return nil, err
	}
	if req.Before < 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"before\" is a position, not %d", req.Before)
	}
	page, err := s.History(ctx, req.Collection, documents.HistoryQuery{ID: id, Before: uint64(req.Before), Limit: req.Limit})
	if err != nil {
		return nil, err
	}
	response := &wire.HistoryResponse{Versions: make([]wire.DocumentVersion, len(page.Changes)), Next: wire.Position(page.Next), Since: moment(page.Since)}
	for i, c := range page.Changes {
		v := wire.DocumentVersion{Position: wire.Position(c.Position.Offset), Time: c.Time, Kind: string(c.Kind), To: c.To, Actor: c.Actor, ID: jsonOf(c.ID)}
		v.Before, v.After = jsonDocument(c.Before), jsonDocument(c.Document)
		if c.Before != nil && c.Document != nil {
			v.Changed = documents.ChangedPaths(c.Before, c.Document)
		}
		response.Versions[i] = v
	}
	return response, nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func jsonOf(v bson.RawValue) json.RawMessage {
	if v.Type == 0 {
		return nil
	}
	return ejson.AppendValue(nil, v)
}

func jsonDocument(doc bson.Raw) json.RawMessage {
	if doc == nil {
		return nil
	}
	return ejson.Append(nil, doc)
}

func restoreDocuments(ctx context.Context, a *API, call *Call, req *wire.RestoreRequest) (*wire.RestoreResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	restore := documents.Restore{DryRun: req.DryRun}
	if restore.ID, err = a.optionalID(req.ID); err != nil {
		return nil, err
	}
	if req.At != nil {
		restore.At = *req.At
	}
	if req.Position < 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"position\" is a position of the history, not %d", req.Position)
	}
	restore.Offset = uint64(req.Position)
	result, err := s.Restore(ctx, req.Collection, restore)
	if err != nil {
		return nil, err
	}
	response := &wire.RestoreResponse{
		Position: wire.Position(result.Position.Offset), Inserted: result.Inserted, Updated: result.Updated, Deleted: result.Deleted,
		Unchanged: result.Unchanged, Failed: result.Failed, Truncated: result.Truncated,
		Documents: make([]wire.RestoredDocument, len(result.Documents)),
	}
	for i, d := range result.Documents {
		response.Documents[i] = wire.RestoredDocument{ID: jsonOf(d.ID), Kind: string(d.Kind)}
		if d.Before != nil && d.After != nil {
			response.Documents[i].Changed = documents.ChangedPaths(d.Before, d.After)
		}
		if d.Error != nil {
			response.Documents[i].Error = fileError(ctx, d.Error)
		}
	}
	return response, nil
}

func listTrash(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.TrashResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	list, err := s.Dropped(ctx)
	if err != nil {
		return nil, err
	}
	response := &wire.TrashResponse{Collections: make([]wire.DroppedCollection, len(list))}
	for i, d := range list {
		response.Collections[i] = wire.DroppedCollection{
			ID: strconv.FormatUint(d.ID, 10), Name: d.Name, Documents: d.Documents, Bytes: d.Bytes,
			Indexes: wireIndexes(d.Indexes), DroppedAt: d.DroppedAt, Until: d.Until,
		}
	}
	return response, nil
}

func trashID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, yunduo.Errorf(yunduo.ReasonCollectionNotFound, "there is no dropped collection %.40q", text)
	}
	return id, nil
}

func undrop(ctx context.Context, a *API, call *Call, req *wire.UndropRequest) (*wire.Empty, error) {
	id, err := trashID(req.ID)
	if err != nil {
		return nil, err
	}
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.Undrop(ctx, id, req.Name)
}

func purge(ctx context.Context, a *API, call *Call, req *wire.UndropRequest) (*wire.Empty, error) {
	id, err := trashID(req.ID)
	if err != nil {
		return nil, err
	}
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.Purge(ctx, id)
}

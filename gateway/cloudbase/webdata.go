package cloudbase

import (
	"context"
	"encoding/json"
	"strconv"

	"yunduo"
	"yunduo/wire"
)

// Dialect B: documents, filters and updates are plain JSON with {"$date":milliseconds}; tcb-admin-node speaks it on
// the admin endpoint too.

// plainParams are the members of database requests, all optional.
type plainParams struct {
	CollectionName string
	ID             json.RawMessage // in transactions of old clients, and of new documents
	Query          json.RawMessage
	Projection     json.RawMessage
	Order          json.RawMessage
	Offset         int64
	Limit          int64
	Multi          bool
	Merge          bool
	Upsert         bool
	Data           json.RawMessage
	TransactionID  string
}

func plainDatabase(r *request) (*plainParams, error) {
	f := fields{params: r.params}
	p := &plainParams{
		CollectionName: f.text("collectionName"), ID: r.params.get("_id"), Query: r.params.get("query"), Projection: r.params.get("projection"), Order: r.params.get("order"),
		Offset: f.number("offset"), Limit: f.number("limit"), Multi: f.flag("multi"), Merge: f.flag("merge"), Upsert: f.flag("upsert"),
		Data: r.params.get("data"), TransactionID: f.text("transactionId"),
	}
	return p, f.err
}

// unquoted reads a member that is JSON itself, or the text of it.
func unquoted(field string, text json.RawMessage) (json.RawMessage, error) {
	if len(text) == 0 || text[0] != '"' {
		return text, nil
	}
	var inner string
	if err := json.Unmarshal(text, &inner); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field %q is not valid", field)
	}
	return json.RawMessage(inner), nil
}

func addPlain(ctx context.Context, r *request) (*reply, error) {
	p, err := plainDatabase(r)
	if err != nil {
		return nil, err
	}
	data, err := unquoted("data", p.Data)
	if err != nil {
		return nil, err
	}
	batch := len(data) > 0 && data[0] == '['
	var documents documentList
	if err := json.Unmarshal(data, &documents); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field \"data\" must be a document or a list of documents")
	}
	if len(p.ID) > 0 && !batch {
		documents[0] = withID(documents[0], p.ID)
	}
	response, err := do[wire.InsertResponse](ctx, r, "documents.insert", &wire.InsertRequest{
		Collection: p.CollectionName, Documents: documents, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	result := map[string]any{"insertedIds": response.InsertedIDs}
	if !batch {
		result["_id"] = response.InsertedIDs[0]
	}
	return &reply{Data: result}, nil
}

// withID puts an _id in front of a document's members, of which an own _id wins.
func withID(document, id json.RawMessage) json.RawMessage {
	if isEmptyObject(document) {
		return json.RawMessage(`{"_id":` + string(id) + `}`)
	}
	if len(document) == 0 || document[0] != '{' {
		return document // refused by the operation
	}
	return json.RawMessage(`{"_id":` + string(id) + `,` + string(document[1:]))
}

func queryPlain(ctx context.Context, r *request) (*reply, error) {
	p, err := plainDatabase(r)
	if err != nil {
		return nil, err
	}
	find := &wire.FindRequest{
		Collection: p.CollectionName, Filter: p.Query, Projection: p.Projection, Skip: p.Offset, Limit: p.Limit, Transaction: p.TransactionID,
	}
	if find.Sort, err = sortOf(p.Order); err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](ctx, r, "documents.find", find)
	if err != nil {
		return nil, err
	}
	return &reply{Data: list{response.Documents, appendPlain}}, nil
}

func countPlain(ctx context.Context, r *request) (*reply, error) {
	p, err := plainDatabase(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.CountResponse](ctx, r, "documents.count", &wire.CountRequest{Collection: p.CollectionName, Filter: p.Query, Transaction: p.TransactionID})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"total": response.Total}}, nil
}

func updatePlain(ctx context.Context, r *request) (*reply, error) {
	p, err := plainDatabase(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.UpdateResponse](ctx, r, "documents.update", &wire.UpdateRequest{
		Collection: p.CollectionName, Filter: p.Query, Update: changeOf(p.Data, p.Merge), Multi: p.Multi, Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return updateReply(response), nil
}

func removePlain(ctx context.Context, r *request) (*reply, error) {
	p, err := plainDatabase(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DeleteResponse](ctx, r, "documents.delete", &wire.DeleteRequest{
		Collection: p.CollectionName, Filter: p.Query, Multi: p.Multi, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"deleted": response.Deleted}}, nil
}

// aggregatePlain answers with a list that is a text: of an array of texts of documents.
func aggregatePlain(ctx context.Context, r *request) (*reply, error) {
	answer, err := aggregateDocuments(ctx, r)
	if err != nil {
		return nil, err
	}
	rows, _ := answer.Data.(list)
	return &reply{Data: list{rows.documents, appendAsText}}, nil
}

// inTransaction is one operation on the document that a request of a transaction names, by its _id or a query.
func inTransaction(r *request) (p *plainParams, filter, data json.RawMessage, err error) {
	if p, err = plainDatabase(r); err != nil {
		return nil, nil, nil, err
	}
	if p.TransactionID == "" {
		return nil, nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"transactionId\" is missing")
	}
	if filter, err = unquoted("query", p.Query); err != nil {
		return nil, nil, nil, err
	}
	if len(filter) == 0 && len(p.ID) > 0 {
		filter = json.RawMessage(`{"_id":` + string(p.ID) + `}`)
	}
	if len(filter) == 0 {
		return nil, nil, nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"query\" must name the document")
	}
	data, err = unquoted("data", p.Data)
	return p, filter, data, err
}

func getInTransaction(ctx context.Context, r *request) (*reply, error) {
	p, filter, _, err := inTransaction(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](ctx, r, "documents.find", &wire.FindRequest{
		Collection: p.CollectionName, Filter: filter, Limit: 1, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	document := "null"
	if found := response.Documents; string(found) != "[]" {
		document = string(found[1 : len(found)-1])
	}
	return &reply{Data: document}, nil
}

func ejsonInt(n int64) string { return `{"$numberInt":"` + strconv.FormatInt(n, 10) + `"}` }

func updateInTransaction(ctx context.Context, r *request) (*reply, error) {
	p, filter, data, err := inTransaction(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.UpdateResponse](ctx, r, "documents.update", &wire.UpdateRequest{
		Collection: p.CollectionName, Filter: filter, Update: changeOf(data, !p.Upsert), Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	var upserted any
	if response.UpsertedID != nil {
		upserted = `{"_id":` + string(response.UpsertedID) + `}`
	}
	return &reply{Top: map[string]any{"updated": ejsonInt(response.Modified), "upserted": upserted}}, nil
}

func deleteInTransaction(ctx context.Context, r *request) (*reply, error) {
	p, filter, _, err := inTransaction(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DeleteResponse](ctx, r, "documents.delete", &wire.DeleteRequest{
		Collection: p.CollectionName, Filter: filter, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Top: map[string]any{"deleted": ejsonInt(response.Deleted)}}, nil
}

func insertInTransaction(ctx context.Context, r *request) (*reply, error) {
	if r.params.text("transactionId") == "" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"transactionId\" is missing")
	}
	added, err := addPlain(ctx, r)
	if err != nil {
		return nil, err
	}
	top := map[string]any{"inserted": "1", "ok": "1"}
	if fields, ok := added.Data.(map[string]any); ok {
		top["_id"] = fields["_id"]
	}
	return &reply{Top: top}, nil
}

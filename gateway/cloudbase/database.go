package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"yunduo"
	"yunduo/wire"
)

// Dialect A: filters, updates and documents are strings that hold canonical EJSON; see docs/protocol.

// databaseParams are the members of database requests, all optional.
type databaseParams struct {
	CollectionName string
	Query          string
	QueryType      string
	Projection     string
	Order          string
	Offset         int64
	Limit          int64
	Multi          bool
	Merge          bool
	Upsert         bool
	Data           json.RawMessage
	TransactionID  string
}

func database(r *request) (*databaseParams, error) {
	f := fields{params: r.params}
	p := &databaseParams{
		CollectionName: f.text("collectionName"), Query: f.text("query"), QueryType: f.text("queryType"), Projection: f.text("projection"),
		Order: f.text("order"), Offset: f.number("offset"), Limit: f.number("limit"), Multi: f.flag("multi"), Merge: f.flag("merge"),
		Upsert: f.flag("upsert"), Data: f.member("data"), TransactionID: f.text("transactionId"),
	}
	return p, f.err
}

// stage is one stage of a pipeline.
type stage struct {
	Key   string `json:"stageKey"`
	Value string `json:"stageValue"`
}

// data returns the EJSON text of a request's single document or update.
func (p *databaseParams) data() (json.RawMessage, error) {
	if len(p.Data) == 0 || p.Data[0] != '"' {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"data\" must be a string of EJSON")
	}
	return json.RawMessage(unquote(p.Data)), nil
}

// rawEJSON passes EJSON text on, which the operation reads; the empty string is absent.
func rawEJSON(text string) json.RawMessage { return json.RawMessage(text) }

func addCollection(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "collections.create", &wire.CollectionRequest{Collection: r.params.text("collectionName")})
	return &reply{Data: struct{}{}}, err
}

func insertDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(p.Data, &texts); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field \"data\" must be a list of strings of EJSON")
	}
	request := &wire.InsertRequest{Collection: p.CollectionName, Transaction: p.TransactionID}
	for _, text := range texts {
		request.Documents = append(request.Documents, rawEJSON(text))
	}
	response, err := do[wire.InsertResponse](ctx, r, "documents.insert", request)
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"insertedIds": response.InsertedIDs}}, nil
}

func getDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](ctx, r, "documents.find", &wire.FindRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Sort: rawEJSON(p.Order), Projection: rawEJSON(p.Projection),
		Skip: p.Offset, Limit: p.Limit, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Data: list{response.Documents, appendListed}}, nil
}

func calculateDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.CountResponse](ctx, r, "documents.count", &wire.CountRequest{Collection: p.CollectionName, Filter: rawEJSON(p.Query), Transaction: p.TransactionID})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"total": response.Total}}, nil
}

// changeOf returns an update as operations take it, to which a document without operators is a replacement. Clients
// that merge an empty change must not empty the document.
func changeOf(data json.RawMessage, merge bool) json.RawMessage {
	if merge && isEmptyObject(data) {
		return json.RawMessage(`{"$set":{}}`)
	}
	return data
}

func isEmptyObject(text json.RawMessage) bool {
	text = bytes.TrimSpace(text)
	return len(text) >= 2 && text[0] == '{' && text[len(text)-1] == '}' && len(bytes.TrimSpace(text[1:len(text)-1])) == 0
}

// modifyDocument is both update (merge) and set (replace, creating the document when it is missing).
func modifyDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	data, err := p.data()
	if err != nil {
		return nil, err
	}
	response, err := do[wire.UpdateResponse](ctx, r, "documents.update", &wire.UpdateRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Update: changeOf(data, p.Merge), Multi: p.Multi, Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return updateReply(response), nil
}

// updateReply names what was created in the spelling of either dialect.
func updateReply(response *wire.UpdateResponse) *reply {
	upserted := any("")
	if response.UpsertedID != nil {
		upserted = response.UpsertedID
	}
	return &reply{Data: map[string]any{"updated": response.Modified, "upsert_id": upserted, "upserted_id": upserted}}
}

func modifyAndReturnDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	data, err := p.data()
	if err != nil {
		return nil, err
	}
	response, err := do[wire.FindAndUpdateResponse](ctx, r, "documents.findAndUpdate", &wire.FindAndUpdateRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Update: data, Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"updated": response.Modified, "doc": string(response.Document)}}, nil
}

func removeDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DeleteResponse](ctx, r, "documents.delete", &wire.DeleteRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Multi: p.Multi, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"deleted": response.Deleted}}, nil
}

func aggregateDocuments(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	var stages []stage
	if text := r.params.get("stages"); len(text) > 0 {
		if err := json.Unmarshal(text, &stages); err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field \"stages\" must be a list of objects with stageKey and stageValue")
		}
	}
	request := &wire.AggregateRequest{Collection: p.CollectionName, Transaction: p.TransactionID, Pipeline: []json.RawMessage{}}
	for _, stage := range stages {
		if !json.Valid([]byte(stage.Value)) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidPipeline, "the value of stage %q is not valid EJSON", stage.Key)
		}
		request.Pipeline = append(request.Pipeline, json.RawMessage("{"+strconv.Quote(stage.Key)+":"+stage.Value+"}"))
	}
	response, err := do[wire.DocumentsResponse](ctx, r, "documents.aggregate", request)
	if err != nil {
		return nil, err
	}
	return &reply{Data: list{response.Documents, appendListed}}, nil
}

func startTransaction(ctx context.Context, r *request) (*reply, error) {
	response, err := do[wire.TransactionResponse](ctx, r, "documents.begin", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return &reply{TransactionID: response.Transaction}, nil
}

func commitTransaction(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "documents.commit", &wire.TransactionRequest{Transaction: r.params.text("transactionId")})
	return &reply{}, err
}

func abortTransaction(ctx context.Context, r *request) (*reply, error) {
	_, err := do[wire.Empty](ctx, r, "documents.abort", &wire.TransactionRequest{Transaction: r.params.text("transactionId")})
	return &reply{}, err
}

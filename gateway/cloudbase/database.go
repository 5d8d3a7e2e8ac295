package cloudbase

import (
	"context"
	"encoding/json"
	"strconv"

	"yunduo"
	"yunduo/wire"
)

// Dialect A: filters, updates and documents are strings that hold canonical EJSON; see docs/protocol.

// databaseParams are the members of database requests, all optional.
type databaseParams struct {
	CollectionName string          `json:"collectionName"`
	Query          string          `json:"query"`
	QueryType      string          `json:"queryType"`
	Projection     string          `json:"projection"`
	Order          string          `json:"order"`
	Offset         int64           `json:"offset"`
	Limit          int64           `json:"limit"`
	Multi          bool            `json:"multi"`
	Merge          bool            `json:"merge"`
	Upsert         bool            `json:"upsert"`
	Data           json.RawMessage `json:"data"`
	Stages         []struct {
		Key   string `json:"stageKey"`
		Value string `json:"stageValue"`
	} `json:"stages"`
	TransactionID string `json:"transactionId"`
}

func database(r *request) (*databaseParams, error) {
	p := &databaseParams{}
	if err := r.params.into(p); err != nil {
		return nil, err
	}
	return p, nil
}

// data returns the EJSON text of a request's single document or update.
func (p *databaseParams) data() (json.RawMessage, error) {
	var text string
	if err := json.Unmarshal(p.Data, &text); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field \"data\" must be a string of EJSON")
	}
	return json.RawMessage(text), nil
}

// rawEJSON passes EJSON text on; the empty string is absent.
func rawEJSON(text string) json.RawMessage {
	if text == "" || !json.Valid([]byte(text)) {
		return invalidIfAny(text)
	}
	return json.RawMessage(text)
}

// invalidIfAny keeps text that is not JSON from breaking the request around it: as a JSON string it is refused by the
// operation, which names the field.
func invalidIfAny(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil
	}
	return quoted
}

func addCollection(ctx context.Context, r *request) (*reply, error) {
	_, err := r.do(ctx, "collections.create", wire.CollectionRequest{Collection: r.params.text("collectionName")})
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
	request := wire.InsertRequest{Collection: p.CollectionName, Transaction: p.TransactionID}
	for _, text := range texts {
		request.Documents = append(request.Documents, rawEJSON(text))
	}
	response, err := r.do(ctx, "documents.insert", request)
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"insertedIds": response.(*wire.InsertResponse).InsertedIDs}}, nil
}

// listed turns a JSON array of documents into the list of strings that the SDKs expect.
func listed(documents json.RawMessage) ([]string, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(documents, &raw); err != nil {
		return nil, err
	}
	list := make([]string, len(raw))
	for i, d := range raw {
		list[i] = string(d)
	}
	return list, nil
}

func getDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := r.do(ctx, "documents.find", wire.FindRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Sort: rawEJSON(p.Order), Projection: rawEJSON(p.Projection),
		Skip: p.Offset, Limit: p.Limit, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	list, err := listed(response.(*wire.DocumentsResponse).Documents)
	return &reply{Data: map[string]any{"list": list}}, err
}

func calculateDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := r.do(ctx, "documents.count", wire.CountRequest{Collection: p.CollectionName, Filter: rawEJSON(p.Query), Transaction: p.TransactionID})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"total": response.(*wire.CountResponse).Total}}, nil
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
	response, err := r.do(ctx, "documents.update", wire.UpdateRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Update: data, Multi: p.Multi, Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	result := response.(*wire.UpdateResponse)
	upserted := any("")
	if result.UpsertedID != nil {
		upserted = result.UpsertedID
	}
	return &reply{Data: map[string]any{"updated": result.Modified, "upsert_id": upserted, "upserted_id": upserted}}, nil
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
	response, err := r.do(ctx, "documents.findAndUpdate", wire.FindAndUpdateRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Update: data, Upsert: p.Upsert, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	result := response.(*wire.FindAndUpdateResponse)
	return &reply{Data: map[string]any{"updated": result.Modified, "doc": string(result.Document)}}, nil
}

func removeDocument(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	response, err := r.do(ctx, "documents.delete", wire.DeleteRequest{
		Collection: p.CollectionName, Filter: rawEJSON(p.Query), Multi: p.Multi, Transaction: p.TransactionID,
	})
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"deleted": response.(*wire.DeleteResponse).Deleted}}, nil
}

func aggregateDocuments(ctx context.Context, r *request) (*reply, error) {
	p, err := database(r)
	if err != nil {
		return nil, err
	}
	request := wire.AggregateRequest{Collection: p.CollectionName, Transaction: p.TransactionID, Pipeline: []json.RawMessage{}}
	for _, stage := range p.Stages {
		if !json.Valid([]byte(stage.Value)) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidPipeline, "the value of stage %q is not valid EJSON", stage.Key)
		}
		request.Pipeline = append(request.Pipeline, json.RawMessage("{"+strconv.Quote(stage.Key)+":"+stage.Value+"}"))
	}
	response, err := r.do(ctx, "documents.aggregate", request)
	if err != nil {
		return nil, err
	}
	list, err := listed(response.(*wire.DocumentsResponse).Documents)
	return &reply{Data: map[string]any{"list": list}}, err
}

func startTransaction(ctx context.Context, r *request) (*reply, error) {
	response, err := r.do(ctx, "documents.begin", wire.Empty{})
	if err != nil {
		return nil, err
	}
	return &reply{TransactionID: response.(*wire.TransactionResponse).Transaction}, nil
}

func commitTransaction(ctx context.Context, r *request) (*reply, error) {
	_, err := r.do(ctx, "documents.commit", wire.TransactionRequest{Transaction: r.params.text("transactionId")})
	return &reply{}, err
}

func abortTransaction(ctx context.Context, r *request) (*reply, error) {
	_, err := r.do(ctx, "documents.abort", wire.TransactionRequest{Transaction: r.params.text("transactionId")})
	return &reply{}, err
}

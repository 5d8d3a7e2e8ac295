package api

import (
	"bytes"
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/ejson"
	"yunduo/wire"
)

// session returns the caller's session on the app of the call, inside a transaction if one is named.
func (a *API) session(call *Call, transaction string) (*documents.Session, error) {
	var s *documents.Session
	if call.Caller.App == call.App {
		s = a.rooms.Documents.As(call.Caller)
	} else {
		s = a.rooms.Documents.AsApp(call.Caller, call.App)
	}
	if transaction == "" {
		return s, nil
	}
	return s.InTransaction(transaction)
}

// document decodes EJSON of a request field; an absent or null field is nil.
func (a *API) document(field string, text json.RawMessage) (bson.Raw, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	doc, err := ejson.Parse(text, ejson.Options{Now: a.now()})
	if err != nil {
		return nil, inField(field, err)
	}
	return doc, nil
}

func (a *API) value(field string, text json.RawMessage) (bson.RawValue, error) {
	if len(text) == 0 {
		return bson.RawValue{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field %q is missing", field)
	}
	v, err := ejson.ParseValue(text, ejson.Options{Now: a.now()})
	if err != nil {
		return bson.RawValue{}, inField(field, err)
	}
	return v, nil
}

func (a *API) documentList(field string, texts []json.RawMessage) ([]bson.Raw, error) {
	docs := make([]bson.Raw, len(texts))
	for i, text := range texts {
		doc, err := ejson.Parse(text, ejson.Options{Now: a.now()})
		if err != nil {
			return nil, inField(field, err)
		}
		docs[i] = doc
	}
	return docs, nil
}

// inField names the request field that an error is about.
func inField(field string, err error) error {
	e := yunduo.AsError(err)
	return yunduo.Wrap(e.Cause, e.Reason, "field %q: %s", field, e.Message)
}

// maxRows is how many bytes the documents of one answer may have, as text: it is made, kept and sent as a whole.
const maxRows = 64 << 20

// rows streams a cursor, if there is one, into one JSON array and closes it. query_too_expensive beyond maxRows.
func rows(ctx context.Context, cursor driver.Cursor, err error) (*wire.DocumentsResponse, error) {
	if err != nil {
		return nil, err
	}
	defer cursor.Close()
	out := []byte{'['}
	for cursor.Next(ctx) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out = ejson.Append(out, cursor.Current()); len(out) > maxRows {
			return nil, yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "the documents have more than %d MiB together: ask for fewer of them, or for some of their fields", maxRows>>20)
		}
	}
	if err := cursor.Err(); err != nil {
		return nil, err
	}
	return &wire.DocumentsResponse{Documents: append(out, ']')}, nil
}

// filtered is what operations on the documents that match a filter begin with.
func (a *API) filtered(call *Call, transaction string, filter json.RawMessage) (*documents.Session, bson.Raw, error) {
	s, err := a.session(call, transaction)
	if err != nil {
		return nil, nil, err
	}
	doc, err := a.document("filter", filter)
	return s, doc, err
}

func documentOperations() []*Operation {
	operations := []*Operation{
		row("documents.find", SignedIn, "Find documents", find),
		row("documents.get", SignedIn, "Get one document by _id", get),
		row("documents.insert", SignedIn, "Insert documents", insert),
		row("documents.update", SignedIn, "Update or replace documents", update),
		row("documents.findAndUpdate", SignedIn, "Update one document and return it", findAndUpdate),
		row("documents.findAndDelete", SignedIn, "Delete one document and return it", findAndDelete),
		row("documents.delete", SignedIn, "Delete documents", remove),
		row("documents.count", SignedIn, "Count documents", count),
		row("documents.aggregate", SignedIn, "Run an aggregation pipeline", aggregate),
		row("documents.explain", Privileged, "Show how a query is run", explain),
		row("documents.begin", SignedIn, "Begin a transaction", begin),
		row("documents.commit", SignedIn, "Commit a transaction", commit),
		row("documents.abort", SignedIn, "Abort a transaction", abort),
	}
	for _, o := range operations {
		o.handle = timed(o.handle)
	}
	return operations
}

func find(ctx context.Context, a *API, call *Call, req *wire.FindRequest) (*wire.DocumentsResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	q, err := a.query(req.Filter, req.Sort, req.Projection, req.Hint)
	if err != nil {
		return nil, err
	}
	q.Skip, q.Limit = req.Skip, req.Limit
	if q.Collation, err = a.document("collation", req.Collation); err != nil {
		return nil, err
	}
	cursor, err := s.Find(ctx, req.Collection, q)
	return rows(ctx, cursor, err)
}

// query decodes what a find and its explanation have in common.
func (a *API) query(filter, sort, projection, hint json.RawMessage) (q documents.Query, err error) {
	if len(hint) > 0 {
		if q.Hint, err = a.value("hint", hint); err != nil {
			return q, err
		}
	}
	if q.Filter, err = a.document("filter", filter); err != nil {
		return q, err
	}
	if q.Sort, err = a.document("sort", sort); err != nil {
		return q, err
	}
	q.Projection, err = a.document("projection", projection)
	return q, err
}

func get(ctx context.Context, a *API, call *Call, req *wire.GetRequest) (*wire.DocumentResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	id, err := a.value("id", req.ID)
	if err != nil {
		return nil, err
	}
	projection, err := a.document("projection", req.Projection)
	if err != nil {
		return nil, err
	}
	doc, err := s.Get(ctx, req.Collection, id, projection)
	if err != nil || doc == nil {
		return &wire.DocumentResponse{}, err
	}
	return &wire.DocumentResponse{Document: ejson.Append(nil, doc)}, nil
}

func insert(ctx context.Context, a *API, call *Call, req *wire.InsertRequest) (*wire.InsertResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	docs, err := a.documentList("documents", req.Documents)
	if err != nil {
		return nil, err
	}
	ids, err := s.Insert(ctx, req.Collection, docs)
	if err != nil {
		return nil, err
	}
	response := &wire.InsertResponse{InsertedIDs: make([]json.RawMessage, len(ids))}
	for i, id := range ids {
		response.InsertedIDs[i] = ejson.AppendValue(nil, id)
	}
	return response, nil
}

// change decodes what updates have in common. An update that is a list is a pipeline.
func (a *API) change(filter, update, collation json.RawMessage, arrayFilters []json.RawMessage) (documents.Update, error) {
	var u documents.Update
	var err error
	if u.Filter, err = a.document("filter", filter); err != nil {
		return u, err
	}
	if u.Collation, err = a.document("collation", collation); err != nil {
		return u, err
	}
	if u.ArrayFilters, err = a.documentList("arrayFilters", arrayFilters); err != nil {
		return u, err
	}
	if text := bytes.TrimSpace(update); len(text) > 0 && text[0] == '[' {
		var stages []json.RawMessage
		if err := json.Unmarshal(text, &stages); err != nil {
			return u, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"update\" is no list of stages")
		}
		u.Pipeline, err = a.documentList("update", stages)
		return u, err
	}
	if u.Change, err = a.document("update", update); err != nil {
		return u, err
	}
	if u.Change == nil {
		return u, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"update\" is missing")
	}
	return u, nil
}

func upsertedID(r driver.UpdateResult) json.RawMessage {
	if r.UpsertedID.IsZero() {
		return nil
	}
	return ejson.AppendValue(nil, r.UpsertedID)
}

func update(ctx context.Context, a *API, call *Call, req *wire.UpdateRequest) (*wire.UpdateResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	u, err := a.change(req.Filter, req.Update, req.Collation, req.ArrayFilters)
	if err != nil {
		return nil, err
	}
	u.Multi, u.Upsert = req.Multi, req.Upsert
	made, err := a.document("create", req.Create)
	if err != nil {
		return nil, err
	}
	var r driver.UpdateResult
	if made != nil {
		r, err = s.UpdateOrCreate(ctx, req.Collection, u, made)
	} else {
		r, err = s.Update(ctx, req.Collection, u)
	}
	if err != nil {
		return nil, err
	}
	return &wire.UpdateResponse{Matched: r.Matched, Modified: r.Modified, UpsertedID: upsertedID(r)}, nil
}

func findAndUpdate(ctx context.Context, a *API, call *Call, req *wire.FindAndUpdateRequest) (*wire.FindAndUpdateResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	u, err := a.change(req.Filter, req.Update, req.Collation, req.ArrayFilters)
	if err != nil {
		return nil, err
	}
	if u.Projection, err = a.document("projection", req.Projection); err != nil {
		return nil, err
	}
	if u.Sort, err = a.document("sort", req.Sort); err != nil {
		return nil, err
	}
	u.Upsert, u.Return = req.Upsert, driver.ReturnAfter
	switch req.Return {
	case "", "after":
	case "before":
		u.Return = driver.ReturnBefore
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"return\" must be \"before\" or \"after\"")
	}
	r, err := s.Update(ctx, req.Collection, u)
	if err != nil {
		return nil, err
	}
	response := &wire.FindAndUpdateResponse{Matched: r.Matched, Modified: r.Modified, UpsertedID: upsertedID(r), Document: json.RawMessage("null")}
	if r.Document != nil {
		response.Document = ejson.Append(nil, r.Document)
	}
	return response, nil
}

func findAndDelete(ctx context.Context, a *API, call *Call, req *wire.FindAndDeleteRequest) (*wire.DocumentResponse, error) {
	s, filter, err := a.filtered(call, req.Transaction, req.Filter)
	if err != nil {
		return nil, err
	}
	d := documents.Delete{Filter: filter, Return: driver.ReturnBefore}
	if d.Collation, err = a.document("collation", req.Collation); err != nil {
		return nil, err
	}
	if d.Sort, err = a.document("sort", req.Sort); err != nil {
		return nil, err
	}
	if d.Projection, err = a.document("projection", req.Projection); err != nil {
		return nil, err
	}
	r, err := s.Delete(ctx, req.Collection, d)
	if err != nil || r.Document == nil {
		return &wire.DocumentResponse{}, err
	}
	return &wire.DocumentResponse{Document: ejson.Append(nil, r.Document)}, nil
}

func remove(ctx context.Context, a *API, call *Call, req *wire.DeleteRequest) (*wire.DeleteResponse, error) {
	s, filter, err := a.filtered(call, req.Transaction, req.Filter)
	if err != nil {
		return nil, err
	}
	d := documents.Delete{Filter: filter, Multi: req.Multi}
	if d.Collation, err = a.document("collation", req.Collation); err != nil {
		return nil, err
	}
	r, err := s.Delete(ctx, req.Collection, d)
	if err != nil {
		return nil, err
	}
	return &wire.DeleteResponse{Deleted: r.Deleted}, nil
}

func count(ctx context.Context, a *API, call *Call, req *wire.CountRequest) (*wire.CountResponse, error) {
	s, filter, err := a.filtered(call, req.Transaction, req.Filter)
	if err != nil {
		return nil, err
	}
	q := documents.CountQuery{Filter: filter}
	if q.Collation, q.Hint, err = a.reading(req.Collation, req.Hint); err != nil {
		return nil, err
	}
	total, err := s.CountBy(ctx, req.Collection, q)
	if err != nil {
		return nil, err
	}
	return &wire.CountResponse{Total: total}, nil
}

func aggregate(ctx context.Context, a *API, call *Call, req *wire.AggregateRequest) (*wire.DocumentsResponse, error) {
	s, err := a.session(call, req.Transaction)
	if err != nil {
		return nil, err
	}
	q := documents.AggregateQuery{}
	if q.Pipeline, err = a.documentList("pipeline", req.Pipeline); err != nil {
		return nil, err
	}
	if q.Collation, q.Hint, err = a.reading(req.Collation, req.Hint); err != nil {
		return nil, err
	}
	cursor, err := s.AggregateBy(ctx, req.Collection, q)
	return rows(ctx, cursor, err)
}

// reading parses what requests that read have in common.
func (a *API) reading(collation, hint json.RawMessage) (texts bson.Raw, index bson.RawValue, err error) {
	if texts, err = a.document("collation", collation); err == nil && len(hint) > 0 {
		index, err = a.value("hint", hint)
	}
	return texts, index, err
}

func explain(ctx context.Context, a *API, call *Call, req *wire.ExplainRequest) (*wire.ExplainResponse, error) {
	s, filter, err := a.filtered(call, "", req.Filter)
	if err != nil {
		return nil, err
	}
	collation, hint, err := a.reading(req.Collation, req.Hint)
	if err != nil {
		return nil, err
	}
	var x driver.Explanation
	switch {
	case req.Pipeline != nil:
		stages, err := a.documentList("pipeline", req.Pipeline)
		if err != nil {
			return nil, err
		}
		if x, err = s.ExplainAggregate(ctx, req.Collection, documents.AggregateQuery{Pipeline: stages, Collation: collation, Hint: hint}); err != nil {
			return nil, err
		}
	case req.Count:
		if x, err = s.ExplainCount(ctx, req.Collection, documents.CountQuery{Filter: filter, Collation: collation, Hint: hint}); err != nil {
			return nil, err
		}
	default:
		q, err := a.query(req.Filter, req.Sort, req.Projection, req.Hint)
		if err != nil {
			return nil, err
		}
		q.Skip, q.Limit, q.Collation = req.Skip, req.Limit, collation
		if x, err = s.ExplainFind(ctx, req.Collection, q); err != nil {
			return nil, err
		}
	}
	planner := wire.QueryPlanner{
		Namespace: string(s.App()) + "." + req.Collection, WinningPlan: ejson.Append(nil, x.WinningPlan), RejectedPlans: []json.RawMessage{},
	}
	for _, plan := range x.Rejected {
		planner.RejectedPlans = append(planner.RejectedPlans, ejson.Append(nil, plan))
	}
	return &wire.ExplainResponse{QueryPlanner: planner, ExecutionStats: wire.ExecutionStats{
		Returned: x.Returned, Time: float64(x.Time.Microseconds()) / 1000, KeysExamined: x.KeysExamined, DocumentsExamined: x.DocumentsExamined,
	}}, nil
}

func begin(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.TransactionResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	id, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &wire.TransactionResponse{Transaction: id}, nil
}

func commit(ctx context.Context, a *API, call *Call, req *wire.TransactionRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.Commit(ctx, req.Transaction)
}

func abort(ctx context.Context, a *API, call *Call, req *wire.TransactionRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.Abort(ctx, req.Transaction)
}

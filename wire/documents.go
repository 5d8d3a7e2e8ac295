package wire

import "encoding/json"

// Documents, filters, updates and pipelines travel as EJSON version 2 inside JSON: raw here, decoded by the operation.

// FindRequest asks for documents. Limit 0 means 100; clients get 1,000 at most. Collation, such as
// {"locale":"zh","strength":2}, says how texts compare, here and in other requests.
type FindRequest struct {
	Collection  string          `json:"collection"`
	Filter      json.RawMessage `json:"filter,omitempty"`
	Sort        json.RawMessage `json:"sort,omitempty"`
	Projection  json.RawMessage `json:"projection,omitempty"`
	Skip        int64           `json:"skip,omitempty"`
	Limit       int64           `json:"limit,omitempty"`
	Hint        json.RawMessage `json:"hint,omitempty"`
	Collation   json.RawMessage `json:"collation,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
	MaxTimeMS   int64           `json:"maxTimeMS,omitempty"`
}

// DocumentsResponse holds documents as one JSON array.
type DocumentsResponse struct {
	Documents json.RawMessage `json:"documents"`
}

// AppendJSON encodes the response without scanning the documents again.
func (r *DocumentsResponse) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"documents":`...)
	dst = append(dst, r.Documents...)
	return append(dst, '}')
}

// GetRequest asks for one document by _id.
type GetRequest struct {
	Collection  string          `json:"collection"`
	ID          json.RawMessage `json:"id"`
	Projection  json.RawMessage `json:"projection,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
}

// DocumentResponse holds a document, or null if there is none.
type DocumentResponse struct {
	Document json.RawMessage `json:"document"`
}

// AppendJSON encodes the response without scanning the document again.
func (r *DocumentResponse) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"document":`...)
	if len(r.Document) == 0 {
		dst = append(dst, "null"...)
	}
	dst = append(dst, r.Document...)
	return append(dst, '}')
}

// InsertRequest stores documents, all or nothing. Missing _id values are made by the server.
type InsertRequest struct {
	Collection  string            `json:"collection"`
	Documents   []json.RawMessage `json:"documents"`
	Transaction string            `json:"transaction,omitempty"`
}

// InsertResponse lists the _id of every stored document, in order.
type InsertResponse struct {
	InsertedIDs []json.RawMessage `json:"insertedIds"`
}

// UpdateRequest changes the first or all documents that match: by operators, by replacing the whole document when no
// top-level key of Update starts with "$", or by a list of the stages $set, $unset and $replaceWith. ArrayFilters are
// the conditions that $[name] in paths stands for. Create is a document to insert if none matches: of callers who do so at
// once, only one inserts.
type UpdateRequest struct {
	Collection   string            `json:"collection"`
	Filter       json.RawMessage   `json:"filter,omitempty"`
	Update       json.RawMessage   `json:"update"`
	ArrayFilters []json.RawMessage `json:"arrayFilters,omitempty"`
	Multi        bool              `json:"multi,omitempty"`
	Upsert       bool              `json:"upsert,omitempty"`
	Create       json.RawMessage   `json:"create,omitempty"`
	Collation    json.RawMessage   `json:"collation,omitempty"`
	Transaction  string            `json:"transaction,omitempty"`
	MaxTimeMS    int64             `json:"maxTimeMS,omitempty"`
}

// UpdateResponse says what an update did.
type UpdateResponse struct {
	Matched    int64           `json:"matched"`
	Modified   int64           `json:"modified"`
	UpsertedID json.RawMessage `json:"upsertedId,omitempty"`
}

// FindAndUpdateRequest changes one document and returns it as it was before or as it is after.
type FindAndUpdateRequest struct {
	Collection   string            `json:"collection"`
	Filter       json.RawMessage   `json:"filter,omitempty"`
	Update       json.RawMessage   `json:"update"`
	ArrayFilters []json.RawMessage `json:"arrayFilters,omitempty"`
	Sort         json.RawMessage   `json:"sort,omitempty"`
	Projection   json.RawMessage   `json:"projection,omitempty"`
	Upsert       bool              `json:"upsert,omitempty"`
	Return       string            `json:"return,omitempty" enum:"before,after"`
	Collation    json.RawMessage   `json:"collation,omitempty"`
	Transaction  string            `json:"transaction,omitempty"`
	MaxTimeMS    int64             `json:"maxTimeMS,omitempty"`
}

// FindAndUpdateResponse is UpdateResponse with the document, null if none matched.
type FindAndUpdateResponse struct {
	Matched    int64           `json:"matched"`
	Modified   int64           `json:"modified"`
	UpsertedID json.RawMessage `json:"upsertedId,omitempty"`
	Document   json.RawMessage `json:"document"`
}

// DeleteRequest removes the first or all documents that match.
type DeleteRequest struct {
	Collection  string          `json:"collection"`
	Filter      json.RawMessage `json:"filter,omitempty"`
	Multi       bool            `json:"multi,omitempty"`
	Collation   json.RawMessage `json:"collation,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
	MaxTimeMS   int64           `json:"maxTimeMS,omitempty"`
}

// FindAndDeleteRequest removes one document, the first by Sort, and returns it as it was.
type FindAndDeleteRequest struct {
	Collection  string          `json:"collection"`
	Filter      json.RawMessage `json:"filter,omitempty"`
	Sort        json.RawMessage `json:"sort,omitempty"`
	Projection  json.RawMessage `json:"projection,omitempty"`
	Collation   json.RawMessage `json:"collation,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
	MaxTimeMS   int64           `json:"maxTimeMS,omitempty"`
}

// DeleteResponse says how many documents were removed.
type DeleteResponse struct {
	Deleted int64 `json:"deleted"`
}

// CountRequest counts the documents that match.
type CountRequest struct {
	Collection  string          `json:"collection"`
	Filter      json.RawMessage `json:"filter,omitempty"`
	Hint        json.RawMessage `json:"hint,omitempty"`
	Collation   json.RawMessage `json:"collation,omitempty"`
	Transaction string          `json:"transaction,omitempty"`
	MaxTimeMS   int64           `json:"maxTimeMS,omitempty"`
}

// CountResponse holds a count.
type CountResponse struct {
	Total int64 `json:"total"`
}

// AggregateRequest runs a pipeline.
type AggregateRequest struct {
	Collection  string            `json:"collection"`
	Pipeline    []json.RawMessage `json:"pipeline"`
	Hint        json.RawMessage   `json:"hint,omitempty"`
	Collation   json.RawMessage   `json:"collation,omitempty"`
	Transaction string            `json:"transaction,omitempty"`
	MaxTimeMS   int64             `json:"maxTimeMS,omitempty"`
}

// ExplainRequest asks how a find, count or aggregation is run: find unless Count is set or a Pipeline is given.
type ExplainRequest struct {
	Collection string            `json:"collection"`
	Filter     json.RawMessage   `json:"filter,omitempty"`
	Sort       json.RawMessage   `json:"sort,omitempty"`
	Projection json.RawMessage   `json:"projection,omitempty"`
	Skip       int64             `json:"skip,omitempty"`
	Limit      int64             `json:"limit,omitempty"`
	Hint       json.RawMessage   `json:"hint,omitempty"`
	Count      bool              `json:"count,omitempty"`
	Pipeline   []json.RawMessage `json:"pipeline,omitempty"`
	Collation  json.RawMessage   `json:"collation,omitempty"`
	MaxTimeMS  int64             `json:"maxTimeMS,omitempty"`
}

// ExplainResponse says how a query was run, in MongoDB's form.
type ExplainResponse struct {
	QueryPlanner   QueryPlanner   `json:"queryPlanner"`
	ExecutionStats ExecutionStats `json:"executionStats"`
}

// QueryPlanner holds the plan that was used, as a tree of stages, and those it was preferred to.
type QueryPlanner struct {
	Namespace     string            `json:"namespace"`
	WinningPlan   json.RawMessage   `json:"winningPlan"`
	RejectedPlans []json.RawMessage `json:"rejectedPlans"`
}

// ExecutionStats says what running the query took. Times are in milliseconds.
type ExecutionStats struct {
	Returned          int64   `json:"nReturned"`
	Time              float64 `json:"executionTimeMillis"`
	KeysExamined      int64   `json:"totalKeysExamined"`
	DocumentsExamined int64   `json:"totalDocsExamined"`
}

// TransactionRequest names an open transaction.
type TransactionRequest struct {
	Transaction string `json:"transaction"`
}

// TransactionResponse names the transaction that was begun.
type TransactionResponse struct {
	Transaction string `json:"transaction"`
}

// RenameCollectionRequest gives a collection another name.
type RenameCollectionRequest struct {
	Collection string `json:"collection"`
	To         string `json:"to"`
}

// UsageResponse says what an app has stored, in bytes before compression.
type UsageResponse struct {
	Collections int64 `json:"collections"`
	Documents   int64 `json:"documents"`
	Bytes       int64 `json:"bytes"`
	IndexBytes  int64 `json:"indexBytes"`
	// Changes and ChangeBytes are the entries of the change log.
	Changes     int64 `json:"changes"`
	ChangeBytes int64 `json:"changeBytes"`
	// DroppedDocuments and DroppedBytes are of collections that can still be brought back.
	DroppedDocuments int64 `json:"droppedDocuments"`
	DroppedBytes     int64 `json:"droppedBytes"`
}

// CollectionRequest names a collection.
type CollectionRequest struct {
	Collection string `json:"collection"`
}

// Collection describes a collection.
type Collection struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents"`
	Bytes     int64  `json:"bytes"`
	// IndexBytes is the size of the entries of all indexes, before compression.
	IndexBytes int64  `json:"indexBytes"`
	Rules      string `json:"rules,omitempty"`
}

// CollectionsResponse lists collections by name.
type CollectionsResponse struct {
	Collections []Collection `json:"collections"`
}

// RulesRequest sets the security rules of a collection: a preset name or a JSON text of expressions.
type RulesRequest struct {
	Collection string `json:"collection"`
	Rules      string `json:"rules"`
}

// RulesResponse holds the security rules of a collection.
type RulesResponse struct {
	Rules string `json:"rules"`
}

// AppRulesRequest sets the rules of an app's files or functions: a preset name or a JSON text of expressions.
type AppRulesRequest struct {
	Rules string `json:"rules"`
}

// RulesSubject is the caller whom a test of rules supposes.
type RulesSubject struct {
	OpenID    string `json:"openid,omitempty"`
	UserID    string `json:"uid,omitempty"`
	UnionID   string `json:"unionid,omitempty"`
	Provider  string `json:"provider,omitempty"`
	Anonymous bool   `json:"anonymous,omitempty"`
}

// TestRulesRequest asks what rules let a caller do. Rules are those to try; empty tries what is set.
type TestRulesRequest struct {
	Kind      string          `json:"kind" enum:"collection,files,function"`
	Name      string          `json:"name,omitempty"`      // of the collection or function
	Operation string          `json:"operation,omitempty"` // read, create, update or delete
	Rules     string          `json:"rules,omitempty"`
	Auth      *RulesSubject   `json:"auth,omitempty"`     // nobody if absent
	Document  json.RawMessage `json:"document,omitempty"` // or a file as {"openid","path","size","type"}
}

// TestRulesResponse says what rules allow: all, none, or what matches Filter; and whether the given document is among it.
type TestRulesResponse struct {
	Allows  string          `json:"allows" enum:"all,none,some"`
	Filter  json.RawMessage `json:"filter,omitempty"`
	Allowed *bool           `json:"allowed,omitempty"`
	Strict  bool            `json:"strict,omitempty"`
}

// IndexField is one component of an index.
type IndexField struct {
	Path       string `json:"path"`
	Descending bool   `json:"descending,omitempty"`
	Kind       string `json:"kind,omitempty" enum:"2dsphere,hashed"`
}

// Index defines a secondary index. Documents that do not match PartialFilter are not in it. It serves requests of the
// same Collation. State is ready, building or failed; the rest says how far a build is, or why it was given up.
type Index struct {
	Name               string          `json:"name,omitempty"`
	Fields             []IndexField    `json:"fields"`
	Unique             bool            `json:"unique,omitempty"`
	Sparse             bool            `json:"sparse,omitempty"`
	PartialFilter      json.RawMessage `json:"partialFilter,omitempty"`
	Collation          json.RawMessage `json:"collation,omitempty"`
	ExpireAfterSeconds int64           `json:"expireAfterSeconds,omitempty"`
	State              string          `json:"state,omitempty"`
	Done               int64           `json:"done,omitempty"`
	Total              int64           `json:"total,omitempty"`
	Failure            string          `json:"failure,omitempty"`
}

// CreateIndexRequest adds an index to a collection.
type CreateIndexRequest struct {
	Collection string `json:"collection"`
	Index      Index  `json:"index"`
}

// DropIndexRequest removes an index.
type DropIndexRequest struct {
	Collection string `json:"collection"`
	Name       string `json:"name"`
}

// IndexesResponse lists a collection's indexes.
type IndexesResponse struct {
	Indexes []Index `json:"indexes"`
}

package wire

import "encoding/json"

// ImportRequest says what the bytes of an import are. Over HTTP its members but the collection stand in the query.
type ImportRequest struct {
	Collection string `json:"collection,omitempty"`
	Format     string `json:"format" enum:"jsonl,json,csv,bson,archive"`
	Mode       string `json:"mode,omitempty" enum:"insert,upsert,replace"`
	Source     string `json:"source,omitempty"`
}

// ImportReport says what an import did, with the first thousand of the rejected documents. Error tells why it ended
// before the file did.
type ImportReport struct {
	Inserted   int64       `json:"inserted"`
	Updated    int64       `json:"updated"`
	Unchanged  int64       `json:"unchanged"`
	Rejected   int64       `json:"rejected"`
	Rejections []Rejection `json:"rejections,omitempty"`
	Indexes    int         `json:"indexes,omitempty"`
	Warnings   []string    `json:"warnings,omitempty"`
	Error      *ErrorBody  `json:"error,omitempty"`
}

// Rejection is a document that was not imported: its line, or how manieth document it is, and why.
type Rejection struct {
	Collection string `json:"collection,omitempty"`
	Line       int64  `json:"line"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
}

// ExportRequest says what to export and how. Fields are the columns of a CSV file; without them there is one for every
// field that is met.
type ExportRequest struct {
	Collection string          `json:"collection,omitempty"`
	Format     string          `json:"format,omitempty" enum:"jsonl,json,csv,bson,archive"`
	Filter     json.RawMessage `json:"filter,omitempty"`
	Fields     []string        `json:"fields,omitempty"`
	Canonical  bool            `json:"canonical,omitempty"`
	Gzip       bool            `json:"gzip,omitempty"`
}

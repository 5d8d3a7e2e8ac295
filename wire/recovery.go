package wire

import (
	"encoding/json"
	"time"
)

// HistoryRequest asks who changed a document, or any of a collection when it names none.
type HistoryRequest struct {
	Collection string          `json:"collection"`
	ID         json.RawMessage `json:"id,omitempty"`
	Before     Position        `json:"before,omitempty"`
	Limit      int             `json:"limit,omitempty"`
}

// DocumentVersion is what one change made of a document.
type DocumentVersion struct {
	Position Position        `json:"position"`
	Time     time.Time       `json:"time"`
	Kind     string          `json:"kind" enum:"insert,update,delete,drop,rename,appear"`
	To       string          `json:"to,omitempty"` // the new name of a collection that was renamed
	Actor    string          `json:"actor,omitempty"`
	ID       json.RawMessage `json:"id,omitempty"`
	Changed  []string        `json:"changed,omitempty"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

// HistoryResponse holds versions, the newest first. Next, if it is not 0, is the Before of the next page. Since is how
// far back the log reaches.
type HistoryResponse struct {
	Versions []DocumentVersion `json:"versions"`
	Next     Position          `json:"next,omitempty"`
	Since    *time.Time        `json:"since,omitempty"`
}

// RestoreRequest takes a document, or a whole collection, back to a moment or to how it was after a change.
type RestoreRequest struct {
	Collection string          `json:"collection"`
	ID         json.RawMessage `json:"id,omitempty"`
	At         *time.Time      `json:"at,omitempty"`
	Position   Position        `json:"position,omitempty"`
	DryRun     bool            `json:"dryRun,omitempty"`
}

// RestoreResponse says what a restore did or would do, with the first hundred documents.
type RestoreResponse struct {
	Position  Position           `json:"position"`
	Inserted  int64              `json:"inserted"`
	Updated   int64              `json:"updated"`
	Deleted   int64              `json:"deleted"`
	Unchanged int64              `json:"unchanged"`
	Failed    int64              `json:"failed"`
	Documents []RestoredDocument `json:"documents"`
	Truncated bool               `json:"truncated,omitempty"`
}

// RestoredDocument is what a restore does to one document.
type RestoredDocument struct {
	ID      json.RawMessage `json:"id"`
	Kind    string          `json:"kind" enum:"insert,update,delete"`
	Changed []string        `json:"changed,omitempty"`
	Error   *ErrorBody      `json:"error,omitempty"`
}

// DroppedCollection is a collection in the trash.
type DroppedCollection struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Documents int64     `json:"documents"`
	Bytes     int64     `json:"bytes"`
	Indexes   []Index   `json:"indexes,omitempty"`
	DroppedAt time.Time `json:"droppedAt"`
	Until     time.Time `json:"until"`
}

// TrashResponse lists dropped collections, the last dropped first.
type TrashResponse struct {
	Collections []DroppedCollection `json:"collections"`
}

// UndropRequest brings a dropped collection back, under another name if one is given.
type UndropRequest struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// RestoreAppRequest takes an app back to a moment. Confirm is the ID of the app whose data is exchanged: Into, or the
// app itself.
type RestoreAppRequest struct {
	At      *time.Time `json:"at"`
	Into    string     `json:"into,omitempty"`
	Confirm string     `json:"confirm"`
}

// RestoreArchiveRequest goes with an archive whose documents take the place of all that the app has. Confirm is the app's
// ID. Over HTTP it stands in the query, and the body is the archive.
type RestoreArchiveRequest struct {
	Confirm string `json:"confirm"`
}

// RestoredArchive says what an app got.
type RestoredArchive struct {
	Collections int   `json:"collections"`
	Documents   int64 `json:"documents"`
}

// RestoreAppStatus tells of the last restore of an app.
type RestoreAppStatus struct {
	State      string     `json:"state" enum:"none,running,done,failed"`
	At         *time.Time `json:"at,omitempty"`
	Into       string     `json:"into,omitempty"`
	Collection string     `json:"collection,omitempty"`
	Documents  int64      `json:"documents"`
	Total      int64      `json:"total"`
	Error      *ErrorBody `json:"error,omitempty"`
}

package wire

import (
	"encoding/json"
	"time"
)

// ReleaseRequest says what a release changes. What it does not name stays as it is.
type ReleaseRequest struct {
	Functions     map[string]int64         `json:"functions,omitempty"` // versions that are live from then on
	Triggers      map[string][]TriggerSpec `json:"triggers,omitempty"`  // all of each function that is named
	Rules         map[string]string        `json:"rules,omitempty"`     // of collections
	FileRules     *string                  `json:"fileRules,omitempty"`
	FunctionRules *string                  `json:"functionRules,omitempty"`
	Routes        json.RawMessage          `json:"routes,omitempty"`
	Indexes       []ReleaseIndex           `json:"indexes,omitempty"` // built before anything else changes
	Note          string                   `json:"note,omitempty"`
}

// ReleaseIndex is an index of a collection.
type ReleaseIndex struct {
	Collection string `json:"collection"`
	Index      Index  `json:"index"`
}

// Release describes a release: what holds in the app after it.
type Release struct {
	Number    int64            `json:"number"`
	Live      bool             `json:"live"`
	Restores  int64            `json:"restores,omitempty"` // the release that it goes back to
	Note      string           `json:"note,omitempty"`
	CreatedAt time.Time        `json:"createdAt"`
	CreatedBy string           `json:"createdBy"`
	Functions map[string]int64 `json:"functions"` // the live versions
	Triggers  int              `json:"triggers"`
	Rules     int              `json:"rules"` // collections
	Indexes   int              `json:"indexes"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// ReleasesResponse lists releases, newest first.
type ReleasesResponse struct {
	Releases []Release `json:"releases"`
}

// RollbackReleaseRequest makes everything as it was after a release; 0 is the one before the live one. Indexes that were
// made since stay unless they are to be dropped.
type RollbackReleaseRequest struct {
	Number      int64 `json:"number,omitempty"`
	DropIndexes bool  `json:"dropIndexes,omitempty"`
}

// ReleaseDiffRequest compares two releases; without them the live one with the one before.
type ReleaseDiffRequest struct {
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
}

// ReleaseDiff is what changed from one release to another.
type ReleaseDiff struct {
	From    int64           `json:"from"`
	To      int64           `json:"to"`
	Changes []ReleaseChange `json:"changes"`
}

// ReleaseChange is a thing that differs: versions of a function, or texts; empty where there is none.
type ReleaseChange struct {
	Kind string `json:"kind" enum:"function,trigger,rules,index,fileRules,functionRules,routes"`
	Name string `json:"name,omitempty"` // of the function or collection; with a trigger or index behind a slash
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

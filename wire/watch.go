package wire

import "encoding/json"

// The messages on the socket of /v1/apps/{app}/watch. Each is one JSON object in one text message.

// WatchMessage is what a client sends. Type says which of the other fields count:
//
//	auth     Token: the first message of a client that gave no credentials with its request, and later renewals
//	watch    ID and what to watch: begins a watch, or goes on with one after Resume
//	unwatch  ID: ends a watch
//	ping     asks for a pong
type WatchMessage struct {
	Type       string          `json:"type" enum:"auth,watch,unwatch,ping"`
	Token      string          `json:"token,omitempty"`
	ID         string          `json:"id,omitempty"` // chosen by the client, at most 64 bytes
	Collection string          `json:"collection,omitempty"`
	Filter     json.RawMessage `json:"filter,omitempty"`
	Sort       json.RawMessage `json:"sort,omitempty"`
	Collation  json.RawMessage `json:"collation,omitempty"`
	Limit      int64           `json:"limit,omitempty"`
	Resume     string          `json:"resume,omitempty"`
}

// WatchReady says that the client's credentials were accepted.
type WatchReady struct {
	Type             string `json:"type"` // ready
	Protocol         int    `json:"protocol"`
	ExpiresInSeconds int64  `json:"expiresIn,omitempty"` // until the credentials have to be renewed; absent if never
}

// WatchSnapshot is the whole result of a watch. It replaces what was delivered before; Reset says why, if anything was.
type WatchSnapshot struct {
	Type      string          `json:"type"` // snapshot
	ID        string          `json:"id"`
	Reset     string          `json:"reset,omitempty" enum:"position,rules,dropped,lagging,window"`
	Documents json.RawMessage `json:"documents"`
	Resume    string          `json:"resume"`
}

// WatchChanges is what changed in the result of a watch.
type WatchChanges struct {
	Type    string        `json:"type"` // changes
	ID      string        `json:"id"`
	Changes []WatchChange `json:"changes"`
	Resume  string        `json:"resume"`
}

// WatchChange is the move of one document.
type WatchChange struct {
	Move     string          `json:"move" enum:"enter,update,leave"`
	Cause    string          `json:"cause" enum:"insert,update,delete,limit"`
	ID       json.RawMessage `json:"id"`
	Document json.RawMessage `json:"document,omitempty"`
}

// WatchPosition is a newer resume token of a watch in which nothing happened.
type WatchPosition struct {
	Type   string `json:"type"` // position
	ID     string `json:"id"`
	Resume string `json:"resume"`
}

// WatchError says why a watch has ended, or without an ID, why the socket is about to be closed.
type WatchError struct {
	Type  string     `json:"type"` // error
	ID    string     `json:"id,omitempty"`
	Error *ErrorBody `json:"error"`
}

// WatchPong answers a ping.
type WatchPong struct {
	Type string `json:"type"` // pong
}

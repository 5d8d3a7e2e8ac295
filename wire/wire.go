// Package wire is exactly what travels between clients and the server: request and response types, the error
// envelope and the protocol version. It has no behaviour beyond encoding.
package wire

// Version is the protocol's version within /v1. It rises by one with every addition:
//
//	1 (2026-11-22): first version
//	2 (2026-11-27): arrayFilters and pipelines of updates, projection of findAndUpdate, findAndDelete, collation,
//	   mongoCode of errors, settings of functions, functions.update, triggers.add and triggers.remove, changeLog and deletion of apps
const Version = 2

// AppendJSON is implemented by responses of hot operations that encode themselves without reflection.
type AppendJSON interface {
	// AppendJSON appends the JSON form to dst and returns the longer slice.
	AppendJSON(dst []byte) []byte
}

// Empty is the request or response without fields.
type Empty struct{}

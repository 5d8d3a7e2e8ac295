package wire

import "time"

// RecordRequest lets the next calls of a function be recorded; 0 ends that.
type RecordRequest struct {
	Name  string `json:"name"`
	Calls int    `json:"calls"`
}

// RecordingsRequest asks for recorded calls.
type RecordingsRequest struct {
	Function string `json:"function,omitempty"` // absent for all of the app
}

// RecordingsResponse lists recorded calls, newest first.
type RecordingsResponse struct {
	Recordings []Recording `json:"recordings"`
}

// Recording is a recorded call in a list.
type Recording struct {
	ID       string    `json:"id"` // of the invocation
	Function string    `json:"function"`
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
}

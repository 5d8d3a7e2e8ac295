package wire

import "time"

// StatsRequest asks what functions did, by minutes or hours.
type StatsRequest struct {
	Function    string     `json:"function,omitempty"`    // absent for the whole app
	From        *time.Time `json:"from,omitempty"`        // an hour before to, if absent
	To          *time.Time `json:"to,omitempty"`          // now, if absent
	StepSeconds int        `json:"stepSeconds,omitempty"` // 60 or 3600; absent is minutes for up to six hours
	Functions   bool       `json:"functions,omitempty"`   // also each function's figures all together
}

// StatsResponse is what functions did, oldest bucket first.
type StatsResponse struct {
	StepSeconds int             `json:"stepSeconds"`
	Buckets     []StatsBucket   `json:"buckets"`
	Total       StatsBucket     `json:"total"`
	Functions   []FunctionStats `json:"functions,omitempty"` // by calls, most first
}

// StatsBucket is what happened in a span of time that began at a time.
type StatsBucket struct {
	Time        time.Time `json:"time"`
	Calls       int64     `json:"calls"`
	Errors      int64     `json:"errors"`
	ColdStarts  int64     `json:"coldStarts"`
	P50MS       float64   `json:"p50Ms"` // as callers saw it, estimated
	P95MS       float64   `json:"p95Ms"`
	P99MS       float64   `json:"p99Ms"`
	QueueMS     float64   `json:"queueMs"` // mean wait for a process
	QueueMaxMS  float64   `json:"queueMaxMs"`
	CPUMS       float64   `json:"cpuMs"`       // processor time of the processes
	MemoryBytes int64     `json:"memoryBytes"` // the most that the processes had for themselves
}

// FunctionStats are the figures of one function, all together.
type FunctionStats struct {
	Name string `json:"name"`
	StatsBucket
}

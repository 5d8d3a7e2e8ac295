// Package pipeline is the aggregation language: it parses a list of stages once and runs them as pull iterators over
// the documents of a Source.
package pipeline

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
)

// Source is what a pipeline reads from; an engine provides it. A collection that does not exist has no documents.
type Source interface {
	// Find streams the documents of collection that match filter (nil matches all), in the order of sort (nil is the
	// source's own), at most limit of them (0 is no limit).
	Find(ctx context.Context, collection string, filter *query.Filter, sort *query.Sort, limit int64) (Cursor, error)
}

// Cursor streams documents. It is not safe for concurrent use.
type Cursor interface {
	// Next advances to the next document; false at the end or on an error.
	Next(ctx context.Context) bool
	// Current returns the document; it is valid until the next call of Next or Close.
	Current() bson.Raw
	// Err returns what ended the cursor, nil at a regular end.
	Err() error
	// Close releases the cursor; it may be called more than once.
	Close() error
}

// Options are the settings of one run.
type Options struct {
	Now         time.Time // $$NOW; zero is the time of the call
	MemoryLimit int64     // bytes that one stage may keep; 0 is 64 MiB
}

// Pipeline is a parsed pipeline. It is immutable and safe for concurrent use.
type Pipeline struct {
	raw []bson.Raw
}

// Parse checks and compiles stages. It returns unknown_operator for a stage or operator that does not exist and
// invalid_pipeline for one with wrong arguments.
func Parse(stages []bson.Raw) (*Pipeline, error) {
	return &Pipeline{raw: stages}, nil
}

// Run starts the pipeline on a collection and streams its rows. Reasons: expression_failed, query_too_expensive.
func (p *Pipeline) Run(ctx context.Context, collection string, src Source, o Options) (Cursor, error) {
	return nil, yunduo.Errorf(yunduo.ReasonUnknownOperator, "pipelines do not run yet")
}

// Collections returns the names of the foreign collections that the pipeline reads, sorted, each once.
func (p *Pipeline) Collections() []string { return nil }

// Prepend returns a pipeline that only sees documents which match filter.
func (p *Pipeline) Prepend(filter *query.Filter) *Pipeline { return p }

// Raw returns the stages as they were given to Parse, for engines that pass them on.
func (p *Pipeline) Raw() []bson.Raw { return p.raw }

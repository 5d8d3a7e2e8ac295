package pipeline

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query"
	"yunduo/data/query/expr"
	"yunduo/data/query/language"
)

const (
	defaultMemory = language.MaxPipelineBytes
	maxRow        = language.MaxValueBytes // of a result row
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

// Run starts the pipeline on a collection and streams its rows. What the first stages can leave to the source, it
// gets as filter, sort and limit. Reasons, here or from the cursor: expression_failed, query_too_expensive, those of
// the source.
func (p *Pipeline) Run(ctx context.Context, collection string, src Source, o Options) (Cursor, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = defaultMemory
	}
	env := &environment{src: src, vars: expr.Vars{Now: o.Now}, memory: o.MemoryLimit}
	rows, err := env.open(ctx, collection, p.stages, nil)
	if err != nil {
		return nil, err
	}
	return &cursor{rows: rows}, nil
}

// iterator is a pulled stream of rows.
type iterator interface {
	// next returns the next row, nil at the end. The row is valid until the next call of next or close.
	next(ctx context.Context) (bson.Raw, error)
	close() error
}

// environment is what the stages of one run share.
type environment struct {
	src    Source
	vars   expr.Vars
	memory int64
}

// at returns the variables for an evaluation under ctx.
func (e *environment) at(ctx context.Context) expr.Vars {
	vars := e.vars
	vars.Context = ctx
	return vars
}

// with returns the environment of a nested pipeline, which sees more let variables.
func (e *environment) with(named map[string]bson.RawValue) *environment {
	inner := *e
	inner.vars.Named = make(map[string]bson.RawValue, len(e.vars.Named)+len(named))
	for _, variables := range []map[string]bson.RawValue{e.vars.Named, named} {
		for name, v := range variables {
			inner.vars.Named[name] = v
		}
	}
	return &inner
}

// open runs stages over the documents of a collection that also match extra.
func (e *environment) open(ctx context.Context, collection string, stages []stage, extra *query.Filter) (iterator, error) {
	var rows iterator
	if len(stages) > 0 {
		if near, ok := stages[0].(*geoNearStage); ok {
			rows, stages = near.open(e, collection, extra), stages[1:]
		}
	}
	if rows == nil {
		var err error
		if rows, stages, err = e.source(ctx, collection, stages, extra); err != nil {
			return nil, err
		}
	}
	return e.chain(rows, stages)
}

// source reads a collection, having left to the source what it can do of the first stages. It returns the others.
func (e *environment) source(ctx context.Context, collection string, stages []stage, extra *query.Filter) (iterator, []stage, error) {
	filters := []*query.Filter{extra}
	var sort *query.Sort
	skip, limit := int64(0), int64(-1)
gather:
	for len(stages) > 0 {
		cut := skip > 0 || limit >= 0 // from here on only skip and limit keep their meaning
		switch s := stages[0].(type) {
		case *matchStage:
			if cut {
				break gather
			}
			f, err := s.bind(e)
			if err != nil {
				return nil, nil, err
			}
			filters = append(filters, f)
		case *sortStage:
			if cut || sort != nil {
				break gather
			}
			sort = s.order
		case *limitStage:
			if limit < 0 || s.n < limit {
				limit = s.n
			}
		case *skipStage:
			if skip += s.n; skip < 0 {
				skip = 1<<63 - 1
			}
			if limit >= 0 {
				limit = max(0, limit-s.n)
			}
		default:
			break gather
		}
		stages = stages[1:]
	}
	if limit == 0 {
		return &rowList{}, stages, nil
	}
	most := int64(0)
	if limit > 0 {
		if most = skip + limit; most < 0 {
			most = 0
		}
	}
	slices.Reverse(filters) // what comes later looks only at what the earlier ones, a rule first of all, leave
	found, err := e.src.Find(ctx, collection, query.And(filters...), sort, most)
	if err != nil {
		return nil, nil, err
	}
	rows := iterator(&found2rows{found})
	if skip > 0 {
		rows = &skipRows{rows, skip}
	}
	return rows, stages, nil
}

// chain runs stages over rows. A sort that is followed by a limit needs to keep only so many rows.
func (e *environment) chain(rows iterator, stages []stage) (iterator, error) {
	for i, s := range stages {
		if sort, ok := s.(*sortStage); ok {
			s = &sortStage{order: sort.order, top: topOf(stages[i+1:])}
		}
		next, err := s.run(e, rows)
		if err != nil {
			_ = rows.close() // the error of run is the one to report
			return nil, err
		}
		rows = next
	}
	return rows, nil
}

// topOf returns how many of the first rows the following skips and limits can see, 0 if all.
func topOf(stages []stage) int64 {
	skip := int64(0)
	for _, s := range stages {
		switch s := s.(type) {
		case *skipStage:
			skip += s.n
		case *limitStage:
			return max(0, skip+s.n)
		default:
			return 0
		}
	}
	return 0
}

// found2rows reads the cursor of a source.
type found2rows struct{ found Cursor }

func (r *found2rows) next(ctx context.Context) (bson.Raw, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.found.Next(ctx) {
		return r.found.Current(), nil
	}
	return nil, r.found.Err()
}

func (r *found2rows) close() error { return r.found.Close() }

// rowList is rows that are in memory.
type rowList struct{ rows []bson.Raw }

func (r *rowList) next(context.Context) (bson.Raw, error) {
	if len(r.rows) == 0 {
		return nil, nil
	}
	row := r.rows[0]
	r.rows = r.rows[1:]
	return row, nil
}

func (r *rowList) close() error { return nil }

// cursor is the end of a running pipeline.
type cursor struct {
	rows    iterator
	current bson.Raw
	err     error
	closed  bool
}

var _ Cursor = (*cursor)(nil)

func (c *cursor) Next(ctx context.Context) bool {
	if c.closed || c.err != nil {
		return false
	}
	if c.err = ctx.Err(); c.err != nil {
		return false
	}
	c.current, c.err = c.rows.next(ctx)
	if c.err == nil && len(c.current) > maxRow {
		c.err = yunduo.Errorf(yunduo.ReasonQueryTooExpensive, "a row of the result has more than %d MiB", maxRow>>20)
	}
	return c.err == nil && c.current != nil
}

func (c *cursor) Current() bson.Raw { return c.current }
func (c *cursor) Err() error        { return c.err }

func (c *cursor) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	return c.rows.close()
}

// budget is the memory that one stage may keep.
type budget struct {
	stage       string
	left, limit int64
}

func (e *environment) budget(stage string) budget { return budget{stage, e.memory, e.memory} }

// charge counts n more bytes; a negative n gives back.
func (b *budget) charge(n int) error {
	if b.left -= int64(n); b.left < 0 {
		return yunduo.Errorf(yunduo.ReasonQueryTooExpensive,
			"the stage %s keeps more than %d MiB; narrow its input with $match, $project or $limit", b.stage, b.limit>>20)
	}
	return nil
}

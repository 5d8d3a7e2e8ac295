package functions

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/functions/runtime"
)

// Invocation is what is kept of one run of a function.
type Invocation struct {
	ID        string
	App       yunduo.AppID
	Function  string
	Version   int64
	Source    string
	User      string // openid or ID of the end user; empty for none
	RequestID string
	StartedAt time.Time
	Duration  time.Duration // as the caller saw it
	Cold      bool
	Reason    yunduo.Reason // why it failed; empty for success
	Message   string
	Stack     string // of the author's code
	Lines     []runtime.LogLine
	Trace     Trace
}

// logRecord is an Invocation as it is stored. Its ID begins with the app and sorts by time.
type logRecord struct {
	ID         string        `bson:"_id"`
	App        yunduo.AppID  `bson:"app"`
	Function   string        `bson:"function"`
	Version    int64         `bson:"version"`
	Source     string        `bson:"source"`
	User       string        `bson:"user,omitempty"`
	RequestID  string        `bson:"requestId,omitempty"`
	StartedAt  time.Time     `bson:"startedAt"`
	DurationUS int64         `bson:"durationUs"`
	Cold       bool          `bson:"cold,omitempty"`
	Reason     yunduo.Reason `bson:"reason,omitempty"`
	Message    string        `bson:"message,omitempty"`
	Stack      string        `bson:"stack,omitempty"`
	Lines      []lineRecord  `bson:"lines,omitempty"`
	Trace      *traceRecord  `bson:"trace,omitempty"`
}

type lineRecord struct {
	Time    time.Time       `bson:"time"`
	Level   string          `bson:"level"`
	Message string          `bson:"message"`
	Fields  json.RawMessage `bson:"fields,omitempty"`
}

func newLogRecord(i *Invocation) logRecord {
	r := logRecord{
		ID: logID(i.App, i.ID), App: i.App, Function: i.Function, Version: i.Version, Source: i.Source, User: i.User, RequestID: i.RequestID,
		StartedAt: i.StartedAt, DurationUS: i.Duration.Microseconds(), Cold: i.Cold, Reason: i.Reason, Message: i.Message, Stack: i.Stack, Trace: newTraceRecord(&i.Trace),
	}
	for _, l := range i.Lines {
		r.Lines = append(r.Lines, lineRecord(l))
	}
	return r
}

func (r *logRecord) invocation() Invocation {
	i := Invocation{
		ID: strings.TrimPrefix(r.ID, string(r.App)+"/"), App: r.App, Function: r.Function, Version: r.Version, Source: r.Source, User: r.User, RequestID: r.RequestID,
		StartedAt: r.StartedAt, Duration: time.Duration(r.DurationUS) * time.Microsecond, Cold: r.Cold, Reason: r.Reason, Message: r.Message, Stack: r.Stack, Trace: r.Trace.trace(),
	}
	for _, l := range r.Lines {
		i.Lines = append(i.Lines, runtime.LogLine(l))
	}
	return i
}

func logID(app yunduo.AppID, invocation string) string { return string(app) + "/" + invocation }

const (
	logQueue    = 8192                   // entries that wait to be written; more are dropped
	logBatch    = 512                    // entries written together
	logInterval = 200 * time.Millisecond // how long an entry waits for others
	logWriters  = 16                     // writes at the same time, which the engine commits together
)

// logWriter stores invocations in the background, so that nobody waits for it.
type logWriter struct {
	records *documents.Records[logRecord]
	log     *slog.Logger
	queue   chan logEntry
	hurry   chan struct{} // somebody waits for what is queued
	dropped atomic.Int64
	ending  chan struct{}
	once    sync.Once
}

// logEntry is an invocation that ended, or a line that one printed afterwards, or who waits for those before.
type logEntry struct {
	record *logRecord
	id     string
	line   lineRecord
	stored chan struct{}
}

func newLogWriter(db *documents.DB, log *slog.Logger) *logWriter {
	return &logWriter{
		log: log, queue: make(chan logEntry, logQueue), hurry: make(chan struct{}, 1), ending: make(chan struct{}),
		records: documents.NewRecords[logRecord](db, "function_logs", documents.RecordOptions{Silent: true, Dropped: []string{"age"}, Indexes: []driver.Index{
			{Name: "function", Fields: []driver.IndexField{{Path: "app"}, {Path: "function"}, {Path: "_id"}}},
		}}),
	}
}

// add takes an entry; false if there are too many.
func (w *logWriter) add(e logEntry) bool {
	select {
	case w.queue <- e:
		return true
	default:
		w.dropped.Add(1)
		return false
	}
}

// settle returns when what has been added is stored, so that who looks finds it. With a full queue it does not wait.
func (w *logWriter) settle(ctx context.Context) {
	e := logEntry{stored: make(chan struct{})}
	select {
	case w.queue <- e:
	default:
		return
	}
	select {
	case w.hurry <- struct{}{}:
	default: // somebody else is in a hurry, too
	}
	select {
	case <-e.stored:
	case <-ctx.Done():
	case <-w.ending:
	}
}

// close writes what is queued and ends run.
func (w *logWriter) close() { w.once.Do(func() { close(w.ending) }) }

func (w *logWriter) run() {
	for ending := false; !ending; {
		var batch []logEntry
		select {
		case e := <-w.queue:
			batch = append(batch, e)
		case <-w.ending:
			ending = true
		}
		if !ending {
			timer := time.NewTimer(logInterval)
			select {
			case <-timer.C:
			case <-w.hurry:
			case <-w.ending:
				ending = true
			}
			timer.Stop()
		}
		for {
			batch = w.take(batch)
			if len(batch) == 0 {
				break
			}
			w.write(batch)
			batch = batch[:0]
		}
	}
}

// take adds what is queued to the batch.
func (w *logWriter) take(batch []logEntry) []logEntry {
	for len(batch) < logBatch {
		select {
		case e := <-w.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (w *logWriter) write(batch []logEntry) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(logWriters)
	late := make(map[string][]lineRecord)
	for _, e := range batch {
		if e.stored != nil {
			defer close(e.stored)
			continue
		}
		if e.record == nil {
			late[e.id] = append(late[e.id], e.line)
			continue
		}
		group.Go(func() error { return w.records.Insert(ctx, e.record.ID, *e.record) })
	}
	err := group.Wait()
	for id, lines := range late {
		if err == nil {
			_, err = w.records.Update(ctx, id, bson.D{{Key: "$push", Value: bson.D{{Key: "lines", Value: bson.D{{Key: "$each", Value: lines}}}}}})
		}
	}
	if err != nil {
		w.log.Error("invocation records could not be stored", "count", len(batch), "error", err)
	}
	if n := w.dropped.Swap(0); n > 0 {
		w.log.Warn("invocation records came too fast and were dropped", "count", n)
	}
}

// sweep removes records that are older than their app keeps them. ageOf returns how long that is.
func (w *logWriter) sweep(ctx context.Context, now time.Time, ageOf func(context.Context, yunduo.AppID) (time.Duration, error)) error {
	for after := ""; ; {
		next, err := w.records.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}}, documents.FindOptions{Limit: 1})
		if err != nil || len(next) == 0 {
			return err
		}
		app := next[0].App
		age, err := ageOf(ctx, app)
		if err != nil {
			return err
		}
		old := bson.D{{Key: "$gt", Value: logID(app, "")}, {Key: "$lt", Value: logID(app, stampOf(now.Add(-age)))}}
		if _, err := w.records.DeleteMany(ctx, bson.D{{Key: "_id", Value: old}}); err != nil {
			return err
		}
		after = string(app) + "0" // '0' follows '/'
	}
}

func (w *logWriter) dropApp(ctx context.Context, app yunduo.AppID) error {
	_, err := w.records.DeleteMany(ctx, bson.D{{Key: "app", Value: app}})
	return err
}

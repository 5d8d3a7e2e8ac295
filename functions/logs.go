package functions

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

const (
	logQueue    = 8192                   // records that wait to be written; more are dropped and counted
	logBatch    = 500                    // records written at once
	logInterval = 250 * time.Millisecond // how long a record waits at most
	logTimeout  = 30 * time.Second       // for one write
)

// Invocation is what is kept of one run.
type Invocation struct {
	ID        string        `bson:"_id"`
	App       yunduo.AppID  `bson:"app"`
	Function  string        `bson:"function"`
	Version   int64         `bson:"version"`
	Source    string        `bson:"source"`
	User      string        `bson:"user,omitempty"` // openid or user ID of the end user
	RequestID string        `bson:"requestId,omitempty"`
	StartedAt time.Time     `bson:"startedAt"`
	Duration  time.Duration `bson:"duration"`
	Cold      bool          `bson:"cold,omitempty"`
	Reason    yunduo.Reason `bson:"reason,omitempty"` // why it failed; empty for success
	Message   string        `bson:"message,omitempty"`
	Stack     string        `bson:"stack,omitempty"`
	Lines     []Line        `bson:"lines,omitempty"`
	Truncated bool          `bson:"truncated,omitempty"` // there were more lines
}

// Line is one line that the code printed.
type Line struct {
	Time    time.Time `bson:"time"`
	Level   string    `bson:"level"`
	Message string    `bson:"message"`
}

// logWriter writes invocation records in batches, off the path of invocations.
type logWriter struct {
	records *documents.Records[Invocation]
	queue   chan Invocation
	logger  *slog.Logger

	mu     sync.RWMutex // adding holds it for reading, so that closing waits
	closed bool
}

func newLogWriter(db *documents.DB, age time.Duration, logger *slog.Logger) *logWriter {
	return &logWriter{
		logger: logger, queue: make(chan Invocation, logQueue),
		records: documents.NewRecords[Invocation](db, "invocations", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
			{Name: "function", Fields: []driver.IndexField{{Path: "app"}, {Path: "function"}, {Path: "_id"}}},
			{Name: "expiry", Fields: []driver.IndexField{{Path: "startedAt"}}, ExpireAfter: age},
		}}),
	}
}

// add queues a record. It never waits: when writing cannot keep up, the record is lost and said to be.
func (w *logWriter) add(i Invocation) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return // an invocation that outlived the time for closing
	}
	select {
	case w.queue <- i:
	default:
		w.logger.Warn("an invocation record was dropped because too many wait", "invocation", i.ID, "app", string(i.App), "function", i.Function)
	}
}

// run writes until the queue is closed and empty.
func (w *logWriter) run() {
	ids, batch := make([]string, 0, logBatch), make([]Invocation, 0, logBatch)
	tick := time.NewTicker(logInterval)
	defer tick.Stop()
	flush := func() {
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), logTimeout)
		defer cancel()
		if err := w.records.InsertMany(ctx, ids, batch); err != nil {
			w.logger.Warn("invocation records could not be written", "records", len(batch), "error", err)
		}
		ids, batch = ids[:0], batch[:0]
	}
	for {
		select {
		case i, ok := <-w.queue:
			if !ok {
				flush()
				return
			}
			ids, batch = append(ids, i.ID), append(batch, i)
			if len(batch) == logBatch {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

// close lets run write what is left and end.
func (w *logWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.queue)
}

func (w *logWriter) dropApp(ctx context.Context, app yunduo.AppID) error {
	_, err := w.records.DeleteMany(ctx, bson.D{{Key: "app", Value: app}})
	return err
}

// LogQuery says which invocations to list.
type LogQuery struct {
	Function string // empty for all
	Before   string // ID of an invocation: only older ones
	Limit    int    // 0 is 50, at most 500
}

// Logs returns invocations, newest first. IDs sort by time. Errors: permission_denied, invalid_request.
func (s *Service) Logs(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, q LogQuery) ([]Invocation, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	if q.Limit == 0 {
		q.Limit = 50
	}
	if q.Limit < 1 || q.Limit > 500 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit is %d; allowed are 1 to 500", q.Limit)
	}
	filter := bson.D{{Key: "app", Value: app}}
	if q.Function != "" {
		filter = append(filter, bson.E{Key: "function", Value: q.Function})
	}
	if q.Before != "" {
		filter = append(filter, bson.E{Key: "_id", Value: bson.D{{Key: "$lt", Value: q.Before}}})
	}
	return s.logs.records.Find(ctx, filter, documents.FindOptions{Sort: bson.D{{Key: "_id", Value: -1}}, Limit: int64(q.Limit)})
}

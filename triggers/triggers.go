// Package triggers makes functions run without a user: it remembers which are due when, and starts each once.
//
// The policy for a due time: it fires at most once, on one node, also across restarts. Before a function is called,
// the firing is stored under the trigger and the due time, which only one node can do. What falls into a time when no
// server ran is made up for once: of the due times within the last Options.CatchUp only the latest fires; the history
// has one entry that says what was missed. A firing that a crash cuts off is shown as interrupted and not repeated.
package triggers

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// Invoker runs the function of a trigger to its end and returns the ID of the invocation, also with an error if there
// was one.
type Invoker interface {
	InvokeTrigger(ctx context.Context, app yunduo.AppID, function string, event json.RawMessage) (invocationID string, err error)
}

// Schedule says when a trigger is due.
type Schedule interface {
	Next(after time.Time) time.Time // the first due time after a moment; zero if there is none
	Warning() string                // what is unusual about the line; empty if nothing is
	Zone() string                   // name of the time zone
}

// Parser reads the line of a schedule for a time zone, empty for the usual one; invalid_schedule. It is cron.Parse.
type Parser func(line, zone string) (Schedule, error)

// Options configure a Scheduler. Zero values take the defaults.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
	// CatchUp is how far back a missed due time may lie and still fire; 0 is 5 minutes.
	CatchUp time.Duration
	// Drain is how long running functions may take to end when the scheduler stops; 0 is 20 seconds.
	Drain time.Duration
	// SharedDatabase says that other nodes use the same database. Without it, firings that a crash has cut off are
	// recognised at once; with it, when their node has not been heard of for a minute.
	SharedDatabase bool
}

// Scheduler keeps triggers and fires them while Run runs. It is safe for concurrent use.
type Scheduler struct {
	db       *documents.DB
	invoker  Invoker
	parse    Parser
	options  Options
	triggers *documents.Records[trigger]
	firings  *documents.Records[firing]
	wake     chan struct{} // has room for one: something is due earlier than the loop thinks
}

const (
	triggersCollection = "triggers"
	historyLife        = 30 * 24 * time.Hour
	historyLength      = 100 // firings per trigger
)

// New makes a scheduler that calls functions through invoker and reads schedules with parse.
func New(db *documents.DB, invoker Invoker, parse Parser, options Options) *Scheduler {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.CatchUp == 0 {
		options.CatchUp = 5 * time.Minute
	}
	if options.Drain == 0 {
		options.Drain = 20 * time.Second
	}
	field := func(path string) driver.IndexField { return driver.IndexField{Path: path} }
	s := &Scheduler{
		db: db, invoker: invoker, parse: parse, options: options, wake: make(chan struct{}, 1),
		triggers: documents.NewRecords[trigger](db, triggersCollection, documents.RecordOptions{Indexes: []driver.Index{
			{Fields: []driver.IndexField{field("due")}},
		}}),
		firings: documents.NewRecords[firing](db, "firings", documents.RecordOptions{Silent: true, Indexes: []driver.Index{
			{Fields: []driver.IndexField{field("trigger"), {Path: "dueAt", Descending: true}}},
			{Fields: []driver.IndexField{field("status"), field("trigger")}},
			{Fields: []driver.IndexField{field("dueAt")}, ExpireAfter: historyLife},
		}}),
	}
	if options.SharedDatabase { // another node may have made something due earlier than this one thinks
		db.Follow(triggersCollection, func(driver.Change) { s.nudge() }, s.nudge)
	}
	return s
}

// Overlap says what happens when a trigger is due while its last firing still runs.
type Overlap string

// The overlap policies.
const (
	OverlapSkip  Overlap = "skip"  // this due time is left out: the default
	OverlapAllow Overlap = "allow" // both run
	OverlapQueue Overlap = "queue" // it waits for its turn; 100 may wait
)

const maxQueue = 100

// Definition is a trigger as it is deployed with a function.
type Definition struct {
	Name     string // unique in the function; 1 to 100 bytes without slashes
	Type     string // "timer", or empty for it
	Schedule string // cron line
	TimeZone string // IANA name; empty is the one of the vendor's timers
	Payload  string // Message of the event; at most 4 KiB
	Overlap  Overlap
}

// Trigger is a trigger and its state.
type Trigger struct {
	Definition
	App      yunduo.AppID
	Function string
	Enabled  bool
	NextRuns []time.Time // up to five, earliest first; none when disabled
	Last     *Firing     // the latest firing; nil if there is none
	Warning  string      // what is unusual about the schedule
}

// Status says what became of a firing.
type Status string

// The states of a firing.
const (
	StatusQueued      Status = "queued"      // it waits for its turn
	StatusRunning     Status = "running"     // the function runs
	StatusSucceeded   Status = "succeeded"   // the function returned
	StatusFailed      Status = "failed"      // the function failed, or could not be called
	StatusSkipped     Status = "skipped"     // the last firing still ran, or the trigger was switched off meanwhile
	StatusMissed      Status = "missed"      // no server ran at the time, or it was too busy
	StatusInterrupted Status = "interrupted" // the server ended before the function did
)

// Firing is one occasion on which a trigger was due or was run by hand.
type Firing struct {
	ID           string
	DueAt        time.Time
	StartedAt    time.Time     // zero if the function was not called
	Duration     time.Duration // of the call; zero while it runs
	Status       Status
	Reason       yunduo.Reason // of a failure
	Message      string        // of a failure, or why the function was not called
	InvocationID string
	Manual       bool
}

// event is what the function receives, as the vendor's timers send it.
type event struct {
	Type        string
	TriggerName string
	Time        string // due time, ISO 8601 in UTC
	Message     string
}

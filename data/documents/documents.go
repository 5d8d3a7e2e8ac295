// Package documents is the document service: it lets each caller read and write the documents of one app under that
// app's rules and limits, whatever engine stores them, and keeps the platform's own typed records.
package documents

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/rules"
	"yunduo/internal/keylock"
)

// Limits that hold for every caller.
const (
	DefaultLimit        = 100              // documents of a find that names no limit
	MaxLimit            = 1000             // documents of a find at most
	MaxInsert           = 1000             // documents of one insert at most
	MaxDepth            = 100              // nesting of a document
	DefaultMaxDocument  = 16 << 20         // bytes of BSON
	TransactionLifetime = 60 * time.Second // from begin to commit
	maxOpenTransactions = 500              // of one app
	cachedRules         = 10_000           // collections whose rules are kept in memory

	DefaultUserExamines     = 200_000   // documents that one operation of an end user may examine
	DefaultFunctionExamines = 2_000_000 // the same for code of the app
)

// Options configure a DB. Zero values take the defaults.
type Options struct {
	Logger           *slog.Logger
	Now              func() time.Time
	MaxDocumentBytes int // BSON size of one document; 0 is DefaultMaxDocument
	// UserExamines and FunctionExamines are how many documents one operation of an end user and of the app's code may
	// examine; 0 is DefaultUserExamines and DefaultFunctionExamines, negative is no limit. Ten index entries count as
	// one document.
	UserExamines, FunctionExamines int64

	// WatchKey signs the tokens by which watches resume; nil makes one up, so that none outlives the process.
	WatchKey   []byte
	MaxWatches int    // of one app; 0 is 1,000,000
	MaxReplay  uint64 // changes of an app that are read again for one watch that resumes; 0 is 100,000
}

// DB gives sessions on the documents that an engine stores. It is safe for concurrent use.
type DB struct {
	engine  driver.Engine
	options Options
	rules   *cache[driver.Namespace, *rules.Rules]
	open    *transactions
	watches *watches

	creations   keylock.Locks // of UpdateOrCreate
	follower    *follower
	definitions *definitions

	switches *Records[ruleSwitch]
	uncached atomic.Int64 // switches of rules that are being committed: until then none are kept
	textsMu  sync.Mutex
	texts    []func(yunduo.AppID) // drop the rules of an app from the caches of RuleTexts
}

// New makes the document service on an engine. The engine stays the caller's to close, after Close.
func New(engine driver.Engine, options Options) *DB {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxDocumentBytes == 0 {
		options.MaxDocumentBytes = DefaultMaxDocument
	}
	if options.UserExamines == 0 {
		options.UserExamines = DefaultUserExamines
	}
	if options.FunctionExamines == 0 {
		options.FunctionExamines = DefaultFunctionExamines
	}
	if options.WatchKey == nil {
		options.WatchKey = []byte(yunduo.NewSecret())
	}
	if options.MaxWatches == 0 {
		options.MaxWatches = defaultWatches
	}
	if options.MaxReplay == 0 {
		options.MaxReplay = defaultReplay
	}
	db := &DB{engine: engine, options: options}
	db.open = newTransactions(options.Logger)
	db.watches = newWatches(db)
	db.follower = newFollower(db)
	db.definitions = newDefinitions(db)
	db.switches = newSwitches(db)
	db.rules = newCache[driver.Namespace, *rules.Rules](cachedRules, func(ns driver.Namespace) bool {
		return db.uncached.Load() > 0 || db.follower.shared && db.definitions.refuse(ns)
	})
	if db.follower.shared {
		db.definitions.follow()
	}
	return db
}

// Close ends the watches, aborts the open transactions and waits for what still runs in them. Sessions fail afterwards
// to begin new ones.
func (db *DB) Close() {
	db.follower.close()
	db.watches.close()
	db.open.close()
}

// As returns a session of the caller on the caller's app. Security rules hold for end users; code of the app and its
// owner are not bound by them. Every operation of a session without an app returns permission_denied.
func (db *DB) As(caller yunduo.Caller) *Session { return db.session(caller, caller.App) }

// AsApp returns a session of an operator, an owner or the platform on an app that it manages. Every operation returns
// permission_denied if it does not manage the app.
func (db *DB) AsApp(caller yunduo.Caller, app yunduo.AppID) *Session {
	s := db.session(caller, app)
	if s.refused == nil && !caller.MayManage(app) {
		s.refused = yunduo.Errorf(yunduo.ReasonPermissionDenied, "this caller does not manage the app %q", string(app))
	}
	return s
}

// System returns the platform's session on the reserved system app.
func (db *DB) System() *Session { return db.session(yunduo.System(yunduo.SystemApp), yunduo.SystemApp) }

func (db *DB) session(caller yunduo.Caller, app yunduo.AppID) *Session {
	s := &Session{db: db, caller: caller, app: app, operations: db.engine}
	if caller.EndUser() {
		s.lookups = &lookups{db: db, app: app}
	}
	switch {
	case app == "":
		s.refused = yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller belongs to no app; name the app")
	case caller.Role == yunduo.RoleSystem:
	case app.Validate() != nil:
		s.refused = yunduo.Errorf(yunduo.ReasonPermissionDenied, "the app %q is not open to callers", string(app))
	case !caller.Privileged() && !caller.EndUser():
		s.refused = yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller has no role")
	case caller.EndUser() && owner(caller) == "":
		s.refused = yunduo.Errorf(yunduo.ReasonPermissionDenied, "the caller has no identity")
	}
	return s
}

// Package functions keeps deployments of functions as immutable versions, publishes them, and invokes the live ones:
// identity, limits, hot replacement, logs and figures around whatever runtime runs the code.
package functions

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/rules"
	"yunduo/functions/bundle"
	"yunduo/functions/runtime"
	"yunduo/internal/keylock"
	bucketdriver "yunduo/storage/driver"
)

// Limits bound functions. Zero values mean the defaults.
type Limits struct {
	Bundle       bundle.Limits
	EventBytes   int           // JSON text of an event, 6 MiB
	MaxTimeout   time.Duration // longest time limit an author may set, 15 min
	Depth        int           // function-to-function calls in a chain, 16
	KeepVersions int           // newest versions kept of each function beside the live one, 20
	LogAge       time.Duration // how long invocation records are kept of apps that say nothing else, 7 days
	MinuteAge    time.Duration // how long figures by minute are kept, 2 days
	HourAge      time.Duration // how long figures by hour are kept, 90 days
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.EventBytes, 6<<20)
	setDefault(&l.MaxTimeout, 15*time.Minute)
	setDefault(&l.Depth, 16)
	setDefault(&l.KeepVersions, 20)
	setDefault(&l.LogAge, 7*24*time.Hour)
	setDefault(&l.MinuteAge, 2*24*time.Hour)
	setDefault(&l.HourAge, 90*24*time.Hour)
	return l
}

func setDefault[T int | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// Options are settings of a Service. Zero values mean the defaults.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
	// CacheDir keeps unpacked bundles and installed packages; it may be deleted while nothing runs.
	CacheDir string
	Limits   Limits
	// TrustSources lets package.json take packages from URLs and Git repositories: right on the author's own machine.
	TrustSources bool
	// Credentials gives the code of one invocation what it needs to call the platform over the network as its caller, as
	// environment variables, for a life. It is for code that brings the vendor's SDKs along; nil gives nothing.
	Credentials func(ctx context.Context, caller yunduo.Caller, life time.Duration) (Credentials, error)
	// Environment gives the variables and secrets of functions; nil for none.
	Environment Environment
	// EnvironmentCollection is the system collection whose changes tell that another node changed them; their IDs begin
	// with APP/FUNCTION/, where FUNCTION is empty for all.
	EnvironmentCollection string
	// TapeKey, of 32 bytes, seals recorded calls; nil records none.
	TapeKey []byte
	// LogAge returns how long the invocation records of an app are kept; 0 is the limit's. nil is that for all apps.
	LogAge func(ctx context.Context, app yunduo.AppID) (time.Duration, error)
	// Export takes the invocations that are recorded, as they end, for tracing elsewhere; ExportLate one with a line that it
	// printed afterwards, and no other. Neither may block, nor change them.
	Export, ExportLate func(*Invocation)
	// Count takes what functions did on this machine, at the end of each minute, for metrics elsewhere. It must not block.
	Count func(Counted)
	// Observe is called at the end of every invocation, for metrics. It must not block.
	Observe func(Observation)
}

// Service is the room of functions. It is safe for concurrent use.
type Service struct {
	db       *documents.DB
	runtime  runtime.Runtime
	builder  *bundle.Builder
	store    *store
	options  Options
	limits   Limits
	log      *slog.Logger
	host     atomic.Pointer[runtime.Host]
	versions *documents.Records[versionRecord]
	live     *documents.Records[functionRecord]
	reports  *documents.Records[reportRecord]
	rules    *documents.RuleTexts[*rules.Functions]
	routes   *documents.RuleTexts[*Routes]
	starts   *documents.Records[asyncRecord]
	accepted chan struct{} // something was: it has one place

	deploys  keylock.Locks // one deployment of a function at a time
	changes  keylock.Locks // moving a function's aliases, and loading what they point to
	mu       sync.RWMutex
	targets  map[string]*target     // by app and called name
	programs map[string]*program    // those that targets lead to, by version ID
	epochs   map[yunduo.AppID]int64 // how often variables of an app's functions have changed
	closed   bool
	measures map[string]*measures // of canaries, by function
	looking  sync.Mutex
	told     *documents.Records[measuredRecord]
	node     string   // tells what this process has measured from what others have
	released sync.Map // by app: the number of the latest release that this node knows
	held     atomic.Pointer[func(context.Context, yunduo.AppID, string) (map[int64]bool, error)]

	logs    *logWriter
	feed    feed
	figures figures
	rollups *rollups
	tapes   *tapes
	// networked are the running invocations, by ID, whose code calls the platform over the network.
	networked sync.Map
	stop      context.CancelFunc
	// hurry ends the wait for replaced programs.
	draining context.Context
	hurry    context.CancelFunc
	wg       sync.WaitGroup
}

// New makes the service. It starts following changes that other nodes make; Close ends it.
func New(db *documents.DB, bucket bucketdriver.Bucket, rt runtime.Runtime, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheDir == "" {
		o.CacheDir = filepath.Join(os.TempDir(), "yunduo-functions")
	}
	s := &Service{db: db, runtime: rt, options: o, limits: o.Limits.withDefaults(), log: o.Logger, node: yunduo.NewName(), measures: map[string]*measures{}, targets: map[string]*target{}, programs: map[string]*program{}, epochs: map[yunduo.AppID]int64{}, accepted: make(chan struct{}, 1)}
	if !bundle.CanBuildApart() {
		o.Logger.Warn("deployed code is compiled in the server's own process, because bundle.Init was not called in main")
	}
	var err error
	if s.builder, err = bundle.NewBuilder(bundle.BuilderOptions{CacheDir: o.CacheDir, Limits: s.limits.Bundle, TrustSources: o.TrustSources}); err != nil {
		return nil, err
	}
	if s.store, err = openStore(bucket, filepath.Join(o.CacheDir, "bundles"), s.limits.Bundle); err != nil {
		return nil, err
	}
	s.live = documents.NewRecords[functionRecord](db, "functions", documents.RecordOptions{
		Indexes: []driver.Index{
			{Name: "app", Fields: []driver.IndexField{{Path: "app"}, {Path: "name"}}},
			{Name: "canary", Fields: []driver.IndexField{{Path: "canary.state"}}, Sparse: true},
		},
	})
	s.versions = documents.NewRecords[versionRecord](db, "function_versions", documents.RecordOptions{
		Indexes: []driver.Index{{Name: "function", Fields: []driver.IndexField{{Path: "app"}, {Path: "function"}, {Path: "number"}}}},
	})
	s.reports = openReports(db)
	s.starts = openAsync(db)
	s.told = openMeasured(db)
	s.routes = documents.NewRuleTexts(db, "function_routes", "{}", ParseRoutes)
	s.rules = documents.NewRuleTexts(db, "function_rules", rules.DefaultFunctions, rules.ParseFunctions)
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.draining, s.hurry = context.WithCancel(context.Background())
	s.logs = newLogWriter(db, s.log)
	s.rollups = openRollups(db, s.limits)
	if s.tapes, err = openTapes(db, o.TapeKey); err != nil {
		cancel()
		return nil, err
	}
	s.wg.Go(s.logs.run)
	s.wg.Go(func() { s.keepFigures(ctx) })
	s.wg.Go(func() { s.sweepLogs(ctx) })
	s.wg.Go(func() { s.follow(ctx) })
	s.wg.Go(func() { s.runAccepted(ctx) })
	s.wg.Go(func() { s.runCanaries(ctx) })
	return s, nil
}

// SetHost sets what answers the SDK calls of running code. Invocations before it have none.
func (s *Service) SetHost(h runtime.Host) { s.host.Store(&h) }

// Close takes no new invocations, lets the running ones end until ctx does, stops every program and writes what is
// left of the logs.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	programs := s.programs
	s.targets, s.programs = nil, nil
	s.mu.Unlock()
	s.stop()
	defer s.hurry()
	defer context.AfterFunc(ctx, s.hurry)()
	var group sync.WaitGroup
	var failed errorList
	for _, p := range programs {
		p.retire()
		group.Go(func() {
			failed.add(p.shut(ctx))
			p.sample(s.options.Now())
		})
	}
	group.Wait()
	s.logs.close()
	s.wg.Wait()
	s.storeFigures(math.MaxInt64)
	s.feed.close()
	return failed.join()
}

// errorList gathers errors of several goroutines.
type errorList struct {
	mu   sync.Mutex
	list []error
}

func (e *errorList) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, err)
}

func (e *errorList) join() error { return errors.Join(e.list...) }

var errClosing = yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping; send the request again")

// manage refuses callers who do not administer the app.
func manage(caller yunduo.Caller, app yunduo.AppID) error {
	if !caller.MayManage(app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app %s may do this", app)
	}
	return nil
}

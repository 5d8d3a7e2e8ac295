// Package releases puts functions, triggers, rules, routes and indexes of an app live together, as one numbered release.
//
// A release is prepared first: versions are loaded, rules parsed, schedules read, indexes built. Then one transaction
// changes all the rest, and from its commit on all of it holds; a crash leaves the old release or the new one. Indexes
// are the exception: they are there before, because they only make queries faster, and a rollback leaves them.
package releases

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/functions"
	"yunduo/internal/keylock"
	"yunduo/storage"
	"yunduo/triggers"
)

const (
	keep   = 50 // releases of an app that can be gone back to
	finish = time.Minute
)

// Options are settings of a Service. Zero values mean the defaults.
type Options struct {
	Logger *slog.Logger
	Now    func() time.Time
}

// Service makes and keeps releases. It is safe for concurrent use.
type Service struct {
	db        *documents.DB
	functions *functions.Service
	triggers  *triggers.Scheduler
	texts     map[string]text
	options   Options
	locks     keylock.Locks // one release of an app at a time
	records   *documents.Records[record]
	current   *documents.Records[current]
}

// text is one of the texts that hold for an app as a whole.
type text interface {
	Check(text string) error
	Prepare(ctx context.Context) error
	SetWithin(ctx context.Context, s *documents.Session, app yunduo.AppID, text string) error
	TextWithin(ctx context.Context, s *documents.Session, app yunduo.AppID) (string, error)
}

// The texts that a release holds.
const (
	FileRules     = "fileRules"
	FunctionRules = "functionRules"
	Routes        = "routes"
)

var textNames = []string{FileRules, FunctionRules, Routes}

// New makes the service on the rooms whose things it releases.
func New(db *documents.DB, f *functions.Service, t *triggers.Scheduler, files *storage.Store, o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	functionRules, routes := f.Texts()
	s := &Service{
		db: db, functions: f, triggers: t, options: o, texts: map[string]text{FileRules: files.RuleTexts(), FunctionRules: functionRules, Routes: routes},
		records: documents.NewRecords[record](db, "releases", documents.RecordOptions{Indexes: []driver.Index{
			{Name: "app", Fields: []driver.IndexField{{Path: "app"}, {Path: "number"}}},
		}}),
		current: documents.NewRecords[current](db, "release_current", documents.RecordOptions{}),
	}
	f.HoldVersions(s.held)
	return s
}

// Run finishes what a crash has left of switches, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	again := time.NewTicker(finish)
	defer again.Stop()
	for {
		if err := s.db.FinishSwitches(ctx); err != nil && ctx.Err() == nil {
			s.options.Logger.Warn("rules that a release has set could not be brought to their collections; trying again", "error", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Request says what a release changes. Everything else stays as it is, and is part of the release all the same.
type Request struct {
	Functions map[string]int64                 // the version of each that is to be live
	Triggers  map[string][]triggers.Definition // all of each function that is named
	Rules     map[string]string                // by collection, which is made if there is none
	Texts     map[string]string                // FileRules, FunctionRules, Routes
	Indexes   []Index
	Note      string // what the author says about it; at most 1,000 bytes
}

// Index is an index of a collection.
type Index struct {
	Collection string
	driver.Index
}

// Release describes a release: the state of an app after it.
type Release struct {
	Number    int64
	Restores  int64 // the number of the release that it is a rollback to; 0 if it is none
	Live      bool
	Note      string
	CreatedAt time.Time
	CreatedBy string
	Functions map[string]int64
	Triggers  int
	Rules     int // collections that have some
	Indexes   int
	// Warnings tell what of a release could not be brought back.
	Warnings []string
}

func (r *record) describe(live int64) Release {
	return Release{
		Number: r.Number, Restores: r.Restores, Live: r.Number == live, Note: r.Note, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy,
		Functions: r.Functions, Triggers: len(r.Triggers), Rules: len(r.Rules), Indexes: len(r.Indexes),
	}
}

// List returns the releases of an app, newest first; permission_denied.
func (s *Service) List(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]Release, error) {
	if err := manage(caller, app); err != nil {
		return nil, err
	}
	now, err := s.now(ctx, app)
	if err != nil {
		return nil, err
	}
	found, err := s.newestFirst(ctx, app)
	list := make([]Release, len(found))
	for i := range found {
		list[i] = found[i].describe(now.Number)
	}
	return list, err
}

func (s *Service) newestFirst(ctx context.Context, app yunduo.AppID) ([]record, error) {
	return s.records.Find(ctx, bson.D{{Key: "app", Value: app}}, documents.FindOptions{Sort: bson.D{{Key: "number", Value: -1}}})
}

// now returns which release is live; a zero one if none was made.
func (s *Service) now(ctx context.Context, app yunduo.AppID) (current, error) {
	now, err := s.current.Get(ctx, string(app))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		err = nil
	}
	return now, err
}

// release returns a release's record; release_not_found if there is none.
func (s *Service) release(ctx context.Context, app yunduo.AppID, number int64) (record, error) {
	r, err := s.records.Get(ctx, recordID(app, number))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		err = yunduo.Errorf(yunduo.ReasonReleaseNotFound, "the app %s has no release %d", app, number)
	}
	return r, err
}

// held tells functions which of its versions releases need.
func (s *Service) held(ctx context.Context, app yunduo.AppID, function string) (map[int64]bool, error) {
	found, err := s.newestFirst(ctx, app)
	versions := map[int64]bool{}
	for _, r := range found {
		versions[r.Functions[function]] = true
	}
	return versions, err
}

// prune removes the oldest releases beyond those to keep.
func (s *Service) prune(ctx context.Context, app yunduo.AppID, last int64) error {
	_, err := s.records.DeleteMany(ctx, bson.D{{Key: "app", Value: app}, {Key: "number", Value: bson.D{{Key: "$lte", Value: last - keep}}}})
	return err
}

// DropApp removes the releases of an app; permission_denied.
func (s *Service) DropApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	if err := s.db.ForgetSwitch(ctx, app); err != nil {
		return err
	}
	if _, err := s.records.DeleteMany(ctx, bson.D{{Key: "app", Value: app}}); err != nil {
		return err
	}
	_, err := s.current.Delete(ctx, string(app))
	return err
}

func manage(caller yunduo.Caller, app yunduo.AppID) error {
	if app == "" || !caller.MayManage(app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only who administers the app %q may see and make its releases", string(app))
	}
	return nil
}

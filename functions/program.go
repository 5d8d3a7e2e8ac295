package functions

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/functions/runtime"
)

// program is the live version of a function, loaded. Invocations hold it while they run, so that a replacement takes
// it down only after the last of them.
type program struct {
	number  int64
	timeout time.Duration
	// official code brings the vendor's SDKs along.
	official bool
	failure  *yunduo.Error // set instead of code that cannot be loaded
	code     runtime.Program
	figures  *functionFigures
	schema   *jsonschema.Schema // of the event; nil takes anything

	mu      sync.Mutex
	users   int
	retired bool
	free    chan struct{} // closed when retired and unused
}

// acquire takes hold of the program; false if it is on its way out.
func (p *program) acquire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return false
	}
	p.users++
	return true
}

func (p *program) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 && p.retired {
		close(p.free)
	}
}

// retire lets nobody take hold any more.
func (p *program) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return
	}
	p.retired = true
	if p.users == 0 {
		close(p.free)
	}
}

// shut waits for the last user, until ctx ends, and stops the code.
func (p *program) shut(ctx context.Context) error {
	select {
	case <-p.free:
	case <-ctx.Done():
	}
	if p.code == nil {
		return nil
	}
	return p.code.Close(ctx)
}

// acquire returns the live program of a function, loaded and held. Errors: function_not_found, and what keeps the
// bundle from being read.
func (s *Service) acquire(ctx context.Context, app yunduo.AppID, name string) (*program, error) {
	id := functionID(app, name)
	for {
		s.mu.RLock()
		p, closed := s.loaded[id], s.closed
		s.mu.RUnlock()
		if closed {
			return nil, errClosing
		}
		if p != nil && p.acquire() {
			return p, nil
		}
		if err := s.load(ctx, app, name); err != nil {
			return nil, err
		}
	}
}

// load brings the live version into memory, once for all who wait for it.
func (s *Service) load(ctx context.Context, app yunduo.AppID, name string) error {
	id := functionID(app, name)
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.RLock()
	p := s.loaded[id]
	s.mu.RUnlock()
	if p != nil {
		return nil
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return err
	}
	version, err := s.version(ctx, app, name, record.Live)
	if err != nil {
		return err
	}
	return s.install(ctx, version)
}

// install makes a program of a version and puts it in the place of the function's current one, which drains in the
// background. The caller holds the function's lock in s.changes.
func (s *Service) install(ctx context.Context, v versionRecord) error {
	p, err := s.prepare(ctx, v)
	if err != nil {
		return err
	}
	id := functionID(v.App, v.Function)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		p.retire()
		return s.discard(p)
	}
	old := s.loaded[id]
	s.loaded[id] = p
	s.drain(old)
	s.mu.Unlock()
	return nil
}

func (s *Service) discard(p *program) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := p.shut(ctx); err != nil {
		return err
	}
	return errClosing
}

// drain takes a replaced program down after its last invocation. s.mu is held, so that Close does not miss it.
func (s *Service) drain(old *program) {
	if old == nil {
		return
	}
	old.retire()
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.draining, old.timeout+30*time.Second)
		defer cancel()
		if err := old.shut(ctx); err != nil {
			s.log.Warn("a replaced version did not end in time", "version", old.number, "error", err)
		}
	})
}

// forget drops a function's program; the next invocation loads what is live then.
func (s *Service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain(s.loaded[id])
	delete(s.loaded, id)
}

// prepare loads the code of a version. It evaluates nothing.
func (s *Service) prepare(ctx context.Context, v versionRecord) (*program, error) {
	p := &program{number: v.Number, timeout: v.Settings.timeout(), official: v.Settings.OfficialSDK, failure: v.Failure.error(), free: make(chan struct{}), figures: s.figures.of(v.App, v.Function)}
	if p.failure != nil {
		return p, nil
	}
	var err error
	if p.schema, err = parseSchema(v.Settings.Schema); err != nil {
		return nil, err
	}
	b, err := s.store.get(ctx, v.App, v.Function, v.Bundle)
	if err != nil {
		return nil, err
	}
	loaded, err := s.runtimeBundle(ctx, v, b)
	if err != nil {
		return nil, err
	}
	if p.code, err = s.runtime.Load(ctx, loaded); err != nil {
		return nil, err
	}
	return p, nil
}

// follow drops programs whose function another node has changed.
func (s *Service) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.followFeed(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("changes of functions cannot be followed; trying again", "error", err)
			s.forgetAll()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

func (s *Service) followFeed(ctx context.Context) error {
	session := s.db.System()
	position, err := session.Position(ctx)
	if err != nil {
		return err
	}
	feed, err := session.Changes(ctx, position)
	if err != nil {
		return err
	}
	defer feed.Close()
	for _, id := range s.loadedIDs() { // what changed before the feed began
		s.changed(ctx, id, driver.ChangeUpdate)
	}
	for {
		change, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		if change.Collection != "functions" {
			continue
		}
		if id, ok := change.ID.StringValueOK(); ok {
			s.changed(ctx, id, change.Kind)
		}
	}
}

func (s *Service) loadedIDs() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Collect(maps.Keys(s.loaded))
}

// changed compares a change with what is loaded. Changes of this node are in place already, so nothing happens. A function
// that was deleted may be back under the same number with other code.
func (s *Service) changed(ctx context.Context, id string, kind driver.ChangeKind) {
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return
	}
	defer unlock()
	s.mu.RLock()
	p := s.loaded[id]
	s.mu.RUnlock()
	if p == nil {
		return
	}
	app, name, _ := strings.Cut(id, "/")
	record, err := s.live.Get(ctx, id) // the latest, not the one of this change
	if err != nil || record.Live != p.number || kind == driver.ChangeDelete {
		s.log.Debug("function changed elsewhere", "app", app, "function", name, "kind", string(kind), "live", strconv.FormatInt(record.Live, 10))
		s.forget(id)
	}
}

func (s *Service) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.loaded {
		s.drain(p)
		delete(s.loaded, id)
	}
}

// Running tells how many invocations of a function run on this machine now.
func (s *Service) Running(app yunduo.AppID, name string) int {
	s.mu.RLock()
	p := s.loaded[functionID(app, name)]
	s.mu.RUnlock()
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users
}

// function returns a function's record; function_not_found if there is none.
func (s *Service) function(ctx context.Context, app yunduo.AppID, name string) (functionRecord, error) {
	record, err := s.live.Get(ctx, functionID(app, name))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return record, yunduo.Errorf(yunduo.ReasonFunctionNotFound, "the app %s has no function %q; deploy it first", app, name)
	}
	return record, err
}

// version returns a version's record; version_not_found if there is none.
func (s *Service) version(ctx context.Context, app yunduo.AppID, name string, number int64) (versionRecord, error) {
	record, err := s.versions.Get(ctx, versionID(app, name, number))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return record, yunduo.Errorf(yunduo.ReasonVersionNotFound, "the function %s has no version %d", name, number)
	}
	return record, err
}

func ofFunction(app yunduo.AppID, name string) bson.D {
	return bson.D{{Key: "app", Value: app}, {Key: "function", Value: name}}
}

package functions

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/functions/runtime"
)

// program is a version of a function, loaded. Invocations hold it while they run, so that a replacement takes it down
// only after the last of them.
type program struct {
	id      string // of the version's record
	targets int    // that lead to it; guarded by the service's mutex
	app     yunduo.AppID
	epoch   int64 // of the app's variables when it was loaded
	number  int64
	timeout time.Duration
	// official code brings the vendor's SDKs along.
	official bool
	failure  *yunduo.Error // set instead of code that cannot be loaded
	code     runtime.Program
	figures  *functionFigures
	schema   *jsonschema.Schema      // of the event; nil takes anything
	measure  atomic.Pointer[measure] // nil unless a canary runs
	// set are the variables that were set for the function when it was loaded, secret names those among them that are
	// secrets, and secrets hides these in what the code prints, nil for none.
	set     map[string]string
	secret  []string
	secrets *strings.Replacer

	mu      sync.Mutex
	users   int
	retired bool
	used    time.Duration // processor time that has been counted
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

// retire lets nobody take hold any more; false if that was so.
func (p *program) retire() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.retired {
		return false
	}
	p.retired = true
	if p.users == 0 {
		close(p.free)
	}
	return true
}

// gone reports whether the program has been retired.
func (p *program) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.retired
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

// sample counts what the program's processes have used since it was last called.
func (p *program) sample(at time.Time) {
	meter, ok := p.code.(runtime.Meter)
	if !ok {
		return
	}
	usage := meter.Usage()
	p.mu.Lock()
	cpu := usage.CPU - p.used
	p.used = max(p.used, usage.CPU)
	p.mu.Unlock()
	p.figures.use(at, cpu, usage.Memory)
}

// prepare loads the code of a version. It evaluates nothing.
func (s *Service) prepare(ctx context.Context, v versionRecord) (*program, error) {
	p := &program{id: versionID(v.App, v.Function, v.Number), app: v.App, epoch: s.epoch(v.App), number: v.Number, timeout: v.Settings.timeout(), official: v.Settings.OfficialSDK, failure: v.Failure.error(), free: make(chan struct{}), figures: s.figures.of(v.App, v.Function)}
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
	if err := s.outfit(ctx, p, &loaded); err != nil {
		return nil, err
	}
	if p.code, err = s.runtime.Load(ctx, loaded); err != nil {
		return nil, err
	}
	return p, nil
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

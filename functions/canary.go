package functions

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	canaryLook     = 5 * time.Second
	canaryPatience = 24 * time.Hour // for a step to have enough calls
	maxCanarySteps = 20
	minCanaryEvery = 10 * time.Second
	maxCanaryEvery = 7 * 24 * time.Hour
	// negligibleP99 is what a version may take however quick the other one is, if no limit was set.
	negligibleP99 = 100 * time.Millisecond
)

// CanaryState says how far a canary is.
type CanaryState string

// The states of a canary. Each ends in one of the last three.
const (
	CanaryRunning    CanaryState = "running"
	CanaryPromoted   CanaryState = "promoted"    // the version has all calls
	CanaryRolledBack CanaryState = "rolled_back" // the version has none, because of what was measured
	CanaryStopped    CanaryState = "stopped"     // somebody decided otherwise
)

// CanaryPlan says how a version gets more and more of the live calls. Zero values mean the defaults.
type CanaryPlan struct {
	Version int64
	Steps   []float64     // percentages of the users, ascending; 5, 25, 50, 100
	Every   time.Duration // how long a step lasts at least; 5 minutes
	// MaxErrors is the percentage of the version's calls that may fail; nil is 2. More may if more of the stable version's do.
	MaxErrors *float64
	// MaxP99 is what 99 of 100 calls may take; more if the stable version takes more. 0 is twice what the stable version
	// takes, and 100 ms at least.
	MaxP99 time.Duration
	// MinCalls is how many calls of the version a step must have seen before it is judged; 50.
	MinCalls int64
}

// CanaryFigures are what was measured of a version in a step of a canary, on all servers.
type CanaryFigures struct {
	Calls  int64         `bson:"calls"`
	Errors int64         `bson:"errors"`
	P99    time.Duration `bson:"p99"` // estimated
}

func (f CanaryFigures) errorPercent() float64 {
	if f.Calls == 0 {
		return 0
	}
	return 100 * float64(f.Errors) / float64(f.Calls)
}

// Canary is a canary of a function, the running one or the last.
type Canary struct {
	CanaryPlan
	State       CanaryState
	Message     string  // why it ended as it did
	Step        int     // from 0
	Percent     float64 // of the users, in this step
	StartedAt   time.Time
	StartedBy   string
	StepAt      time.Time
	EndedAt     time.Time // zero while it runs
	Stable, New CanaryFigures
}

// canaryRecord is a canary as it is stored with its function.
type canaryRecord struct {
	ID        string        `bson:"id"`
	Version   int64         `bson:"version"`
	Steps     []float64     `bson:"steps"`
	Every     time.Duration `bson:"every"`
	MaxErrors float64       `bson:"maxErrors"`
	MaxP99    time.Duration `bson:"maxP99"`
	MinCalls  int64         `bson:"minCalls"`
	State     CanaryState   `bson:"state"`
	Message   string        `bson:"message,omitempty"`
	Step      int           `bson:"step"`
	StepAt    time.Time     `bson:"stepAt"`
	StartedAt time.Time     `bson:"startedAt"`
	StartedBy string        `bson:"startedBy"`
	EndedAt   time.Time     `bson:"endedAt,omitempty"`
	// Stable and New are what the latest decision was made on, Reference the stable version in the latest step in which
	// it had enough calls.
	Stable    CanaryFigures `bson:"stable"`
	New       CanaryFigures `bson:"new"`
	Reference CanaryFigures `bson:"reference"`
}

func (c *canaryRecord) runs() bool { return c != nil && c.State == CanaryRunning }

func (c *canaryRecord) points() uint32 { return uint32(c.Steps[c.Step]*splitBase/100 + 0.5) }

func (c *canaryRecord) public() *Canary {
	if c == nil {
		return nil
	}
	errors := c.MaxErrors
	return &Canary{
		CanaryPlan: CanaryPlan{Version: c.Version, Steps: c.Steps, Every: c.Every, MaxErrors: &errors, MaxP99: c.MaxP99, MinCalls: c.MinCalls},
		State:      c.State, Message: c.Message, Step: c.Step, Percent: c.Steps[c.Step], StartedAt: c.StartedAt, StartedBy: c.StartedBy, StepAt: c.StepAt, EndedAt: c.EndedAt,
		Stable: c.Stable, New: c.New,
	}
}

// stored checks a plan; invalid_request names the field.
func (p CanaryPlan) stored() (*canaryRecord, error) {
	c := &canaryRecord{ID: yunduo.NewID(), Version: p.Version, Steps: p.Steps, Every: p.Every, MaxErrors: 2, MaxP99: p.MaxP99, MinCalls: p.MinCalls, State: CanaryRunning}
	if len(c.Steps) == 0 {
		c.Steps = []float64{5, 25, 50, 100}
	}
	if c.Every == 0 {
		c.Every = 5 * time.Minute
	}
	if p.MaxErrors != nil {
		c.MaxErrors = *p.MaxErrors
	}
	if c.MinCalls == 0 {
		c.MinCalls = 50
	}
	refuse := func(format string, args ...any) (*canaryRecord, error) {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, format, args...)
	}
	switch {
	case c.Version < 1:
		return refuse("version: %d is no version number", c.Version)
	case len(c.Steps) > maxCanarySteps:
		return refuse("steps: there are more than %d", maxCanarySteps)
	case c.Every < minCanaryEvery || c.Every > maxCanaryEvery:
		return refuse("every: %v is not between %v and %v", c.Every, minCanaryEvery, maxCanaryEvery)
	case !(c.MaxErrors >= 0 && c.MaxErrors <= 100):
		return refuse("maxErrorPercent: %v is not between 0 and 100", c.MaxErrors)
	case c.MaxP99 < 0:
		return refuse("maxP99: %v is negative", c.MaxP99)
	case c.MinCalls < 1:
		return refuse("minCalls: %d is not 1 or more", c.MinCalls)
	}
	last := 0.0
	for i, step := range c.Steps {
		if !(step > last && step <= 100) || step < 0.01 {
			return refuse("steps[%d]: %v is not more than the step before and at most 100", i, step)
		}
		last = step
	}
	return c, nil
}

// StartCanary gives a version a small share of the live calls, and more step by step as long as it does well. If it fails
// more often or takes longer than it may, it loses them all. Any server decides that, on what all have measured; a
// deployment, promotion, rollback or release ends the canary. Errors: permission_denied, invalid_request,
// function_not_found, version_not_found, function_load_failed.
func (s *Service) StartCanary(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, plan CanaryPlan) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	c, err := plan.stored()
	if err != nil {
		return Function{}, err
	}
	c.StartedAt, c.StartedBy = s.options.Now().UTC().Truncate(time.Millisecond), creator(caller)
	c.StepAt = c.StartedAt
	return s.move(ctx, app, name, "canary", func(r *functionRecord) error {
		switch {
		case r.Canary.runs():
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "a canary of the function %s is running: version %d", name, r.Canary.Version)
		case c.Version == r.Live:
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "version: %d is live already", c.Version)
		}
		if err := s.loadable(ctx, app, name, c.Version); err != nil {
			return err
		}
		r.Next, r.Points, r.Canary = c.Version, c.points(), c
		return nil
	})
}

// StopCanary takes the calls back from the version of a running canary. Errors: permission_denied, function_not_found,
// invalid_request if none runs.
func (s *Service) StopCanary(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	return s.move(ctx, app, name, "stop of the canary", func(r *functionRecord) error {
		if !r.Canary.runs() {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "no canary of the function %s is running", name)
		}
		r.Next, r.Points = 0, 0
		r.endCanary(CanaryStopped, "stopped by "+creator(caller))
		return nil
	})
}

// endCanary ends the canary, if one runs.
func (r *functionRecord) endCanary(state CanaryState, message string) {
	if r.Canary.runs() {
		ended := *r.Canary
		ended.State, ended.Message = state, message
		r.Canary = &ended
	}
}

// touch notes when the record was changed.
func (r *functionRecord) touch(now time.Time) {
	r.UpdatedAt = now.UTC()
	if c := r.Canary; c != nil && !c.runs() && c.EndedAt.IsZero() {
		ended := *c
		ended.EndedAt = now.UTC().Truncate(time.Millisecond)
		r.Canary = &ended
	}
}

// verdict is what becomes of a canary.
type verdict int

const (
	wait verdict = iota
	advance
	rollBack
)

// judge decides on what was measured in the step, and says why.
func (c *canaryRecord) judge(now time.Time, stable, measured CanaryFigures) (verdict, string) {
	reference := c.Reference
	if stable.Calls >= c.MinCalls {
		reference = stable
	}
	if measured.Calls >= c.MinCalls {
		if failing := measured.errorPercent(); failing > max(c.MaxErrors, reference.errorPercent()) {
			return rollBack, fmt.Sprintf("%.3g %% of %d calls failed; %.3g %% may, and of the stable version's %.3g %% did", failing, measured.Calls, c.MaxErrors, reference.errorPercent())
		}
		limit := max(c.MaxP99, reference.P99)
		if c.MaxP99 == 0 {
			limit = max(negligibleP99, 2*reference.P99)
		}
		if measured.P99 > limit && (c.MaxP99 > 0 || reference.Calls > 0) {
			return rollBack, fmt.Sprintf("99 of 100 calls took up to %v; %v is the limit, and the stable version's took %v", milliseconds(measured.P99), milliseconds(limit), milliseconds(reference.P99))
		}
	}
	elapsed := now.Sub(c.StepAt)
	switch {
	case elapsed < c.Every:
		return wait, ""
	case measured.Calls >= c.MinCalls:
		return advance, ""
	case elapsed >= canaryPatience+c.Every:
		return rollBack, fmt.Sprintf("there were too few calls to judge the version: %d of %d in %v", measured.Calls, c.MinCalls, elapsed.Round(time.Minute))
	}
	return wait, ""
}

func milliseconds(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// decide brings a canary on as far as what was measured allows. Several servers may try: one of them does.
func (s *Service) decide(ctx context.Context, record functionRecord) error {
	c := *record.Canary
	stable, measured, err := s.measured(ctx, c.ID, c.Step)
	if err != nil {
		return err
	}
	verdict, message := c.judge(s.options.Now(), stable, measured)
	if verdict == wait {
		return nil
	}
	id := functionID(record.App, record.Name)
	unlock, err := s.changes.Lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	asked := bson.D{{Key: "_id", Value: id}, {Key: "canary.id", Value: c.ID}, {Key: "canary.step", Value: c.Step}, {Key: "canary.state", Value: CanaryRunning}}
	c.Stable, c.New = stable, measured
	if stable.Calls >= c.MinCalls {
		c.Reference = stable
	}
	record.Canary = &c
	switch {
	case verdict == rollBack:
		record.Next, record.Points = 0, 0
		record.endCanary(CanaryRolledBack, message)
	case c.Step+1 < len(c.Steps):
		c.Step, c.StepAt = c.Step+1, s.options.Now().UTC().Truncate(time.Millisecond)
		record.Points = c.points()
	default:
		record.endCanary(CanaryPromoted, "")
		record.goLive(c.Version)
	}
	record.touch(s.options.Now())
	decided, found, err := s.live.Take(ctx, asked, nil, set(bson.D{
		{Key: "live", Value: record.Live}, {Key: "next", Value: record.Next}, {Key: "points", Value: record.Points}, {Key: "before", Value: record.Before},
		{Key: "release", Value: record.Release}, {Key: "canary", Value: record.Canary}, {Key: "updatedAt", Value: record.UpdatedAt},
	}))
	if err != nil || !found { // another server has decided, or somebody has
		return err
	}
	s.refresh(ctx, decided)
	now := decided.Canary
	s.log.Info("canary decided", "app", string(record.App), "function", record.Name, "version", c.Version, "state", string(now.State), "percent", now.Steps[now.Step], "message", now.Message)
	return nil
}

// runCanaries tells the other servers what this one has measured, and brings canaries on, until ctx ends.
func (s *Service) runCanaries(ctx context.Context) {
	look := time.NewTicker(canaryLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		if err := s.lookAtCanaries(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("canaries cannot be looked at; trying again", "error", err)
		}
	}
}

func (s *Service) lookAtCanaries(ctx context.Context) error {
	s.looking.Lock()
	defer s.looking.Unlock()
	if err := s.tellMeasured(ctx); err != nil {
		return err
	}
	running, err := s.live.Find(ctx, bson.D{{Key: "canary.state", Value: CanaryRunning}}, documents.FindOptions{})
	if err != nil {
		return err
	}
	for _, record := range running {
		if err := s.decide(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// loadable tells whether a version can be given calls.
func (s *Service) loadable(ctx context.Context, app yunduo.AppID, name string, numbers ...int64) error {
	for _, number := range slices.Compact(numbers) {
		if number == 0 {
			continue
		}
		v, err := s.version(ctx, app, name, number)
		if err != nil {
			return err
		}
		if v.Failure != nil {
			return yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "version %d of the function %s cannot be loaded: %s", number, name, firstLine(v.Failure.Message))
		}
	}
	return nil
}

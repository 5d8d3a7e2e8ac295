package functions

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"yunduo"
)

// splitBase is what shares of calls are counted in: hundredths of a percent.
const splitBase = 10000

// destination says where calls by a name go: to a version, or to two that share them.
type destination struct {
	Version int64  `bson:"version"`
	Next    int64  `bson:"next,omitempty"`   // the other version; 0 without one
	Points  uint32 `bson:"points,omitempty"` // of splitBase, the share of Next
}

// target is a destination whose versions are loaded.
type target struct {
	destination
	main *program
	next *program // nil unless the calls are split
}

// choose returns the program for the calls of somebody.
func (t *target) choose(caller *yunduo.Caller) *program {
	if t.next != nil && share(caller) < t.Points {
		return t.next
	}
	return t.main
}

func (t *target) programs() []*program {
	if t.next == nil {
		return []*program{t.main}
	}
	return []*program{t.main, t.next}
}

// share places who calls a function in [0, splitBase), always at the same place: by user ID, else openid, else session,
// else address. Places of one user in several functions are unrelated. Who cannot be told apart is anywhere.
func share(c *yunduo.Caller) uint32 {
	who := c.UserID
	for _, other := range [...]string{c.OpenID, c.SessionID, c.ClientIP} {
		if who == "" {
			who = other
		}
	}
	if who == "" {
		return rand.Uint32N(splitBase)
	}
	h := uint64(14695981039346656037) // FNV-1a
	for _, text := range [...]string{string(c.App), c.Function, who} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // no byte of a text
	}
	h ^= h >> 33 // its low bits alone are not even enough
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	return uint32(h % splitBase)
}

// splitName takes a called name apart: "f", "f:beta" or "f:3".
func splitName(called string) (name, qualifier string) {
	name, qualifier, _ = strings.Cut(called, ":")
	return name, qualifier
}

// acquire returns the program for a caller of a function, loaded and held. called may have an alias or a version.
// Errors: function_not_found, alias_not_found, version_not_found, and what keeps the bundle from being read.
func (s *Service) acquire(ctx context.Context, caller *yunduo.Caller, called string) (*program, error) {
	id := functionID(caller.App, called)
	for {
		s.mu.RLock()
		t, closed := s.targets[id], s.closed
		s.mu.RUnlock()
		if closed {
			return nil, errClosing
		}
		if t != nil {
			if p := t.choose(caller); p.acquire() {
				return p, nil
			}
		}
		if err := s.load(ctx, caller.App, called); err != nil {
			return nil, err
		}
	}
}

// load brings what a name leads to into memory, once for all who wait for it.
func (s *Service) load(ctx context.Context, app yunduo.AppID, called string) error {
	name, qualifier := splitName(called)
	unlock, err := s.changes.Lock(ctx, functionID(app, name))
	if err != nil {
		return err
	}
	defer unlock()
	if s.loaded(functionID(app, called)) != nil {
		return nil
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return err
	}
	d, err := record.destination(qualifier)
	if err != nil {
		return err
	}
	if err := s.install(ctx, app, called, d); err != nil {
		return err
	}
	s.observe(record)
	return nil
}

func (s *Service) loaded(id string) *target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.targets[id]
}

// install loads what a name leads to in the place of what it led to, which drains in the background unless it is still
// in use. The caller holds the function's lock in s.changes.
func (s *Service) install(ctx context.Context, app yunduo.AppID, called string, d destination) error {
	for {
		t, err := s.target(ctx, app, called, d)
		if err != nil {
			return err
		}
		place := map[string]*target{functionID(app, called): t}
		s.warm(ctx, place)
		if done, err := s.put(place); done || err != nil {
			return err
		}
	}
}

// target loads the versions of a destination, unless they are.
func (s *Service) target(ctx context.Context, app yunduo.AppID, called string, d destination) (*target, error) {
	name, _ := splitName(called)
	t := &target{destination: d}
	var err error
	if t.main, err = s.program(ctx, app, name, d.Version); err != nil || d.Next == 0 {
		return t, err
	}
	if t.next, err = s.program(ctx, app, name, d.Next); err != nil {
		s.discard(t.main)
	}
	return t, err
}

// program returns the version's program, a new one if it is not in use.
func (s *Service) program(ctx context.Context, app yunduo.AppID, name string, number int64) (*program, error) {
	s.mu.RLock()
	p := s.programs[versionID(app, name, number)]
	s.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	v, err := s.version(ctx, app, name, number)
	if err != nil {
		return nil, err
	}
	return s.prepare(ctx, v)
}

// put makes names lead to targets, all at once. It does nothing and reports false if a program was dropped meanwhile, or
// its variables were changed.
func (s *Service) put(targets map[string]*target) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range targets {
		for _, p := range t.programs() {
			if known := s.programs[p.id]; s.closed || known != p && (known != nil || p.gone() || p.epoch != s.epochs[p.app]) {
				for _, t := range targets {
					s.unused(t)
				}
				if s.closed {
					return false, errClosing
				}
				return false, nil
			}
		}
	}
	for id, t := range targets {
		old := s.targets[id]
		s.targets[id] = t
		for _, p := range t.programs() {
			s.programs[p.id] = p
			p.targets++
		}
		s.drop(old)
	}
	return true, nil
}

// unused takes down what was loaded for a target that is not put. s.mu is held.
func (s *Service) unused(t *target) {
	for _, p := range t.programs() {
		if p.targets == 0 {
			s.drain(p)
		}
	}
}

// discard takes a program down that has not been put.
func (s *Service) discard(p *program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.targets == 0 {
		s.drain(p)
	}
}

// drop gives up a target; programs to which no other leads are drained. s.mu is held.
func (s *Service) drop(t *target) {
	if t == nil {
		return
	}
	for _, p := range t.programs() {
		if p.targets--; p.targets == 0 {
			delete(s.programs, p.id)
			s.drain(p)
		}
	}
}

// drain takes a program down after its last invocation. s.mu is held, so that Close does not miss it.
func (s *Service) drain(old *program) {
	if !old.retire() {
		return
	}
	if s.closed { // it has never been in use
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := old.shut(ctx); err != nil {
			s.log.Warn("a version did not end in time", "version", old.number, "error", err)
		}
		return
	}
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.draining, old.timeout+30*time.Second)
		defer cancel()
		if err := old.shut(ctx); err != nil {
			s.log.Warn("a replaced version did not end in time", "version", old.number, "error", err)
		}
		old.sample(s.options.Now())
	})
}

// forget drops what the names of a function lead to; the next invocation loads what holds then.
func (s *Service) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.targets {
		if function, _ := splitName(key); function == id {
			s.remove(key)
		}
	}
}

// remove drops what a name leads to. s.mu is held.
func (s *Service) remove(key string) {
	s.drop(s.targets[key])
	delete(s.targets, key)
}

func (s *Service) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.targets {
		s.remove(key)
	}
}

// refresh makes the names of a function that are loaded lead where its record says. The caller holds the function's lock
// in s.changes.
func (s *Service) refresh(ctx context.Context, record functionRecord) {
	id := functionID(record.App, record.Name)
	for key, old := range s.loadedOf(id) {
		_, qualifier := splitName(key)
		d, err := record.destination(qualifier)
		if err == nil && d == old.destination && !isNumber(qualifier) {
			continue
		}
		if err == nil && !isNumber(qualifier) { // the version of a number is loaded again while it is there
			err = s.install(ctx, record.App, strings.TrimPrefix(key, string(record.App)+"/"), d)
		}
		if err != nil { // whoever invokes it next loads it, or learns why not
			s.mu.Lock()
			s.remove(key)
			s.mu.Unlock()
		}
	}
	s.observe(record)
}

// loadedOf returns what the names of a function lead to.
func (s *Service) loadedOf(id string) map[string]*target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[string]*target{}
	for key, t := range s.targets {
		if function, _ := splitName(key); function == id {
			found[key] = t
		}
	}
	return found
}

// loadedIDs returns the functions of which something is loaded.
func (s *Service) loadedIDs() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := map[string]struct{}{}
	for key := range s.targets {
		id, _ := splitName(key)
		ids[id] = struct{}{}
	}
	return slices.Collect(maps.Keys(ids))
}

// Running tells how many invocations of a function run on this machine now.
func (s *Service) Running(app yunduo.AppID, name string) int {
	count := 0
	programs := map[*program]struct{}{}
	for _, t := range s.loadedOf(functionID(app, name)) {
		for _, p := range t.programs() {
			programs[p] = struct{}{}
		}
	}
	for p := range programs {
		p.mu.Lock()
		count += p.users
		p.mu.Unlock()
	}
	return count
}

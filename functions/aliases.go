package functions

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	// LiveAlias is the name by which a function is called that is called by no alias.
	LiveAlias = "live"

	maxAliases = 20
	maxBefore  = 20 // versions that were live and are remembered
)

// Destination says where the calls of an alias go: to Version, or to two versions that share them.
type Destination struct {
	Version int64
	Next    int64   // the other version; 0 without one
	Percent float64 // of the calls, that Next gets: 0 to 100 in steps of 0.01
}

func (d destination) public() Destination {
	return Destination{Version: d.Version, Next: d.Next, Percent: float64(d.Points) * 100 / splitBase}
}

// stored checks a destination; invalid_request names the field.
func (d Destination) stored() (destination, error) {
	points := d.Percent * splitBase / 100
	switch {
	case d.Version < 1:
		return destination{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "version: %d is no version number", d.Version)
	case d.Next == 0 && d.Percent != 0:
		return destination{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "percent: without a second version in next there is nothing to share")
	case d.Next < 0 || d.Next == d.Version:
		return destination{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "next: %d is not another version than %d", d.Next, d.Version)
	case !(points >= 0 && points <= splitBase):
		return destination{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "percent: %v is not between 0 and 100", d.Percent)
	}
	return destination{Version: d.Version, Next: d.Next, Points: uint32(points + 0.5)}, nil
}

// isNumber reports whether what follows a called name is a version; aliases begin with a letter.
func isNumber(qualifier string) bool {
	return qualifier != "" && qualifier[0] >= '0' && qualifier[0] <= '9'
}

// live returns where calls without an alias go.
func (r *functionRecord) live() destination {
	return destination{Version: r.Live, Next: r.Next, Points: r.Points}
}

// destination returns where calls go: the live ones, those by an alias, or those of a version by its number. Errors:
// alias_not_found, version_not_found.
func (r *functionRecord) destination(qualifier string) (destination, error) {
	switch {
	case qualifier == "" || qualifier == LiveAlias:
		return r.live(), nil
	case isNumber(qualifier):
		number, err := strconv.ParseInt(qualifier, 10, 64)
		if err != nil || number < 1 {
			return destination{}, yunduo.Errorf(yunduo.ReasonVersionNotFound, "the function %s has no version %q", r.Name, qualifier)
		}
		return destination{Version: number}, nil
	}
	d, ok := r.Aliases[qualifier]
	if !ok {
		return destination{}, yunduo.Errorf(yunduo.ReasonAliasNotFound, "the function %s has no alias %q", r.Name, qualifier)
	}
	return d, nil
}

// holds reports whether calls may go to a version, or will after a rollback.
func (r *functionRecord) holds(number int64) bool {
	if number == r.Live || number == r.Next || len(r.Before) > 0 && number == r.Before[len(r.Before)-1] {
		return true
	}
	for _, d := range r.Aliases {
		if number == d.Version || number == d.Next {
			return true
		}
	}
	return false
}

// shareOf tells which calls a version gets.
func (r *functionRecord) shareOf(number int64) (percent float64, aliases []string) {
	switch live := r.live().public(); number {
	case live.Version:
		percent = 100 - live.Percent
	case live.Next:
		percent = live.Percent
	}
	for alias, d := range r.Aliases {
		if number == d.Version || number == d.Next {
			aliases = append(aliases, alias)
		}
	}
	slices.Sort(aliases)
	return percent, aliases
}

// goLive makes a version the only live one and remembers which was. It ends a canary.
func (r *functionRecord) goLive(number int64) {
	r.endCanary(CanaryStopped, fmt.Sprintf("version %d was given all calls", number))
	if r.Live != 0 && r.Live != number {
		r.Before = append(slices.Clone(r.Before), r.Live)
		r.Before = r.Before[max(0, len(r.Before)-maxBefore):]
	}
	r.Live, r.Next, r.Points, r.Release = number, 0, 0, 0
	r.Last = max(r.Last, number)
}

// SetAlias makes an alias lead to a version, or to two that share its calls; those of one user always go to the same
// one while the share stays, and to Next for good once they do while it grows. The alias "live" is that of calls without
// one. Errors: permission_denied, invalid_request, function_not_found, version_not_found; function_load_failed for a
// version that cannot be loaded.
func (s *Service) SetAlias(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name, alias string, d Destination) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	if !aliasRule.MatchString(alias) {
		return Function{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "alias: %q is not 1 to 32 small letters, digits, '_' and '-', beginning with a letter", alias)
	}
	to, err := d.stored()
	if err != nil {
		return Function{}, err
	}
	return s.move(ctx, app, name, fmt.Sprintf("alias %s", alias), func(r *functionRecord) error {
		if err := s.loadable(ctx, app, name, to.Version, to.Next); err != nil {
			return err
		}
		if alias == LiveAlias {
			if r.Live != to.Version {
				r.goLive(to.Version)
			}
			r.endCanary(CanaryStopped, "the share of the calls was set by hand")
			r.Next, r.Points = to.Next, to.Points
			return nil
		}
		if _, known := r.Aliases[alias]; !known && len(r.Aliases) >= maxAliases {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "alias: a function has at most %d", maxAliases)
		}
		r.Aliases = maps.Clone(r.Aliases)
		if r.Aliases == nil {
			r.Aliases = map[string]destination{}
		}
		r.Aliases[alias] = to
		return nil
	})
}

// DeleteAlias removes an alias; calls by it fail from then on. Errors: permission_denied, invalid_request for "live",
// function_not_found, alias_not_found.
func (s *Service) DeleteAlias(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name, alias string) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	if alias == LiveAlias {
		return Function{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "alias: a function always has a live version; delete the function instead")
	}
	return s.move(ctx, app, name, "no alias "+alias, func(r *functionRecord) error {
		if _, err := r.destination(alias); err != nil {
			return err
		}
		r.Aliases = maps.Clone(r.Aliases)
		delete(r.Aliases, alias)
		return nil
	})
}

// Promote gives a version all live calls; 0 is the one that shares them. Errors: permission_denied, function_not_found,
// version_not_found.
func (s *Service) Promote(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, number int64) (Function, error) {
	if err := manage(caller, app); err != nil {
		return Function{}, err
	}
	return s.move(ctx, app, name, "promotion", func(r *functionRecord) error {
		to := number
		if to == 0 {
			if to = r.Next; to == 0 {
				return yunduo.Errorf(yunduo.ReasonVersionNotFound, "no version shares the calls of the function %s; say which to promote", name)
			}
		}
		if _, err := s.version(ctx, app, name, to); err != nil {
			return err
		}
		r.goLive(to)
		return nil
	})
}

// Rollback gives an earlier version all live calls. With number 0 it takes the calls back from a version that shares
// them; if none does, the version that was live before the live one is live again. Errors: permission_denied,
// function_not_found, version_not_found.
func (s *Service) Rollback(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, number int64) (Version, error) {
	if err := manage(caller, app); err != nil {
		return Version{}, err
	}
	f, err := s.move(ctx, app, name, "rollback", func(r *functionRecord) error {
		if number != 0 {
			if _, err := s.version(ctx, app, name, number); err != nil {
				return err
			}
			before := r.Before
			r.goLive(number)
			for n := len(before) - 1; n >= 0; n-- {
				if before[n] == number { // the next rollback goes on from there
					r.Before = before[:n]
					break
				}
			}
			return nil
		}
		if r.Next != 0 {
			r.endCanary(CanaryStopped, "rolled back by "+creator(caller))
			r.Next, r.Points = 0, 0
			return nil
		}
		return s.goBack(ctx, r)
	})
	return f.Version, err
}

// goBack makes the version live that was before, of those that are still there.
func (s *Service) goBack(ctx context.Context, r *functionRecord) error {
	for n := len(r.Before) - 1; n >= 0; n-- {
		before := r.Before[n]
		_, err := s.version(ctx, r.App, r.Name, before)
		if err == nil {
			r.goLive(before)
			r.Before = r.Before[:n]
			return nil
		}
		if yunduo.ReasonOf(err) != yunduo.ReasonVersionNotFound {
			return err
		}
	}
	earlier, err := s.versions.Find(ctx, append(ofFunction(r.App, r.Name), bson.E{Key: "number", Value: bson.D{{Key: "$lt", Value: r.Live}}}),
		documents.FindOptions{Sort: bson.D{{Key: "number", Value: -1}}, Limit: 1})
	if err != nil {
		return err
	}
	if len(earlier) == 0 {
		return yunduo.Errorf(yunduo.ReasonVersionNotFound, "the function %s has no version before %d", r.Name, r.Live)
	}
	r.goLive(earlier[0].Number)
	r.Before = nil
	return nil
}

// move changes where the names of a function lead, stores that and makes it so on this node.
func (s *Service) move(ctx context.Context, app yunduo.AppID, name, what string, change func(*functionRecord) error) (Function, error) {
	unlock, err := s.changes.Lock(ctx, functionID(app, name))
	if err != nil {
		return Function{}, err
	}
	defer unlock()
	record, err := s.function(ctx, app, name)
	if err != nil {
		return Function{}, err
	}
	if err := change(&record); err != nil {
		return Function{}, err
	}
	record.touch(s.options.Now())
	if err := s.live.Put(ctx, functionID(app, name), record); err != nil {
		return Function{}, err
	}
	s.refresh(ctx, record)
	s.log.Info("function moved", "app", string(app), "function", name, "by", what, "version", record.Live, "next", record.Next)
	version, err := s.version(ctx, app, name, record.Live)
	if err != nil {
		return Function{}, err
	}
	return s.describe(record, &version), nil
}

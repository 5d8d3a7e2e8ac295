package triggers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	timer      = "timer"
	maxName    = 100
	maxPayload = 4 << 10
)

// Set makes definitions the triggers of a function, all at once, and removes those that it had and that are not among
// them; an empty list removes all. A trigger whose schedule stays keeps its next due time, and one that was switched
// off stays off. It returns the function's triggers with what is unusual about their schedules. Reasons:
// permission_denied, invalid_request or invalid_schedule naming the trigger; then nothing has changed.
func (s *Scheduler) Set(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function string, definitions []Definition) ([]Trigger, error) {
	if err := mayManage(caller, app); err != nil {
		return nil, err
	}
	wanted, err := s.wanted(app, function, definitions)
	if err != nil {
		return nil, err
	}
	if err := s.Prepare(ctx); err != nil {
		return nil, err
	}
	err = s.db.System().Transact(ctx, func(session *documents.Session) error {
		return s.replace(ctx, session, app, function, wanted)
	})
	if err != nil {
		return nil, err
	}
	s.nudge()
	return s.list(ctx, is("app", string(app), "function", function))
}

// wanted checks the definitions of a function's triggers and returns their records.
func (s *Scheduler) wanted(app yunduo.AppID, function string, definitions []Definition) (map[string]trigger, error) {
	if function == "" || strings.Contains(function, "/") {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "function: %q is no name of a function", clip(function))
	}
	wanted := map[string]trigger{}
	for _, d := range definitions {
		t, err := s.check(app, function, d)
		if err != nil {
			return nil, err
		}
		if _, twice := wanted[t.ID]; twice {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the function %q has two triggers named %q", clip(function), clip(d.Name))
		}
		wanted[t.ID] = t
	}
	return wanted, nil
}

// Add makes definitions triggers of a function beside those that it has, or in the place of one of the same name.
// Otherwise it is as Set.
func (s *Scheduler) Add(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function string, definitions []Definition) ([]Trigger, error) {
	all, err := s.definitions(ctx, caller, app, function)
	if err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, d := range definitions {
		named[d.Name] = true
	}
	all = slices.DeleteFunc(all, func(d Definition) bool { return named[d.Name] })
	return s.Set(ctx, caller, app, function, append(all, definitions...))
}

// Remove takes a trigger from a function; permission_denied, trigger_not_found.
func (s *Scheduler) Remove(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string) error {
	if _, err := s.find(ctx, caller, app, function, name); err != nil {
		return err
	}
	all, err := s.definitions(ctx, caller, app, function)
	if err != nil {
		return err
	}
	_, err = s.Set(ctx, caller, app, function, slices.DeleteFunc(all, func(d Definition) bool { return d.Name == name }))
	return err
}

// definitions returns a function's triggers as they were deployed.
func (s *Scheduler) definitions(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function string) ([]Definition, error) {
	if err := mayManage(caller, app); err != nil {
		return nil, err
	}
	found, err := s.triggers.Find(ctx, is("app", string(app), "function", function), documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	list := make([]Definition, len(found))
	for i, t := range found {
		list[i] = t.definition()
	}
	return list, nil
}

// check turns a definition into a record that is enabled and due next.
func (s *Scheduler) check(app yunduo.AppID, function string, d Definition) (trigger, error) {
	refuse := func(format string, args ...any) (trigger, error) {
		return trigger{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "the trigger %q of function %q "+format, append([]any{clip(d.Name), clip(function)}, args...)...)
	}
	control := func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' }
	switch {
	case d.Name == "" || len(d.Name) > maxName || !utf8.ValidString(d.Name) || strings.ContainsFunc(d.Name, control):
		return refuse("has a name that is not 1 to %d bytes of text without slashes", maxName)
	case d.Type != "" && d.Type != timer:
		return refuse("has the type %q; there is only %q", clip(d.Type), timer)
	case len(d.Payload) > maxPayload || !utf8.ValidString(d.Payload):
		return refuse("has a payload that is not text of at most %d bytes", maxPayload)
	}
	switch d.Overlap {
	case "":
		d.Overlap = OverlapSkip
	case OverlapSkip, OverlapAllow, OverlapQueue:
	default:
		return refuse("has overlap %q; use skip, allow or queue", clip(string(d.Overlap)))
	}
	schedule, err := s.parse(d.Schedule, d.TimeZone)
	if err != nil {
		e := yunduo.AsError(err)
		return trigger{}, yunduo.Wrap(e.Cause, e.Reason, "the trigger %q of function %q: %s", clip(d.Name), clip(function), e.Message)
	}
	return trigger{
		ID: triggerID(app, function, d.Name), App: string(app), Function: function, Name: d.Name, Schedule: d.Schedule,
		TimeZone: schedule.Zone(), Payload: d.Payload, Overlap: d.Overlap, Enabled: true, Due: dueAfter(schedule, s.options.Now()),
	}, nil
}

// replace writes the records of one function inside a transaction.
func (s *Scheduler) replace(ctx context.Context, session *documents.Session, app yunduo.AppID, function string, wanted map[string]trigger) error {
	cursor, err := session.Find(ctx, triggersCollection, documents.Query{Filter: raw(is("app", string(app), "function", function)), NoLimit: true})
	if err != nil {
		return err
	}
	present, err := documents.All(ctx, cursor)
	if err != nil {
		return err
	}
	added := map[string]bool{}
	for id := range wanted {
		added[id] = true
	}
	for _, document := range present {
		var old trigger
		if err := bson.Unmarshal(document, &old); err != nil {
			return yunduo.Wrap(err, yunduo.ReasonInternal, "a stored trigger cannot be read")
		}
		next, keep := wanted[old.ID]
		if !keep {
			if _, err := session.Delete(ctx, triggersCollection, documents.Delete{Filter: raw(is("_id", old.ID))}); err != nil {
				return err
			}
			continue
		}
		delete(added, old.ID)
		if next.Enabled = old.Enabled; !next.Enabled {
			next.Due = nil
		} else if next.Schedule == old.Schedule && next.TimeZone == old.TimeZone {
			next.Due = old.Due
		}
		if _, err := session.Update(ctx, triggersCollection, documents.Update{Filter: raw(is("_id", old.ID)), Change: raw(next)}); err != nil {
			return err
		}
	}
	for id := range added {
		if _, err := session.Insert(ctx, triggersCollection, []bson.Raw{raw(wanted[id])}); err != nil {
			return err
		}
	}
	return nil
}

// List returns the triggers of an app by function and name; permission_denied.
func (s *Scheduler) List(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]Trigger, error) {
	if err := mayManage(caller, app); err != nil {
		return nil, err
	}
	return s.list(ctx, is("app", string(app)))
}

func (s *Scheduler) list(ctx context.Context, filter bson.D) ([]Trigger, error) {
	found, err := s.triggers.Find(ctx, filter, documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	list := []Trigger{}
	for _, t := range found {
		each, err := s.describe(ctx, t)
		if err != nil {
			return nil, err
		}
		list = append(list, each)
	}
	return list, nil
}

func (s *Scheduler) describe(ctx context.Context, t trigger) (Trigger, error) {
	described := Trigger{Definition: t.definition(), App: yunduo.AppID(t.App), Function: t.Function, Enabled: t.Enabled}
	schedule, err := s.parse(t.Schedule, t.TimeZone)
	if err != nil {
		return Trigger{}, err
	}
	described.Warning = schedule.Warning()
	if t.Due == nil && t.Enabled {
		described.Warning = strings.TrimSpace(described.Warning + " the schedule has no time left at which it is due")
	}
	for due := t.Due; due != nil && len(described.NextRuns) < 5; due = dueAfter(schedule, *due) {
		described.NextRuns = append(described.NextRuns, due.UTC())
	}
	last, err := s.history(ctx, t.ID, 1)
	if len(last) > 0 {
		described.Last = &last[0]
	}
	return described, err
}

// Enable switches a trigger on or off; permission_denied, trigger_not_found. One that is off keeps that through
// deployments; one that is switched on is due next after now.
func (s *Scheduler) Enable(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string, enabled bool) (Trigger, error) {
	t, err := s.find(ctx, caller, app, function, name)
	if err != nil {
		return Trigger{}, err
	}
	if t.Enabled != enabled {
		schedule, err := s.parse(t.Schedule, t.TimeZone)
		if err != nil {
			return Trigger{}, err
		}
		var due *time.Time
		if enabled {
			due = dueAfter(schedule, s.options.Now())
		}
		if _, err := s.triggers.UpdateIf(ctx, is("_id", t.ID, "schedule", t.Schedule), set("enabled", enabled, "due", due)); err != nil {
			return Trigger{}, err
		}
		s.nudge()
	}
	if t, err = s.find(ctx, caller, app, function, name); err != nil {
		return Trigger{}, err
	}
	return s.describe(ctx, t)
}

// DropApp removes all triggers of an app and their history; permission_denied.
func (s *Scheduler) DropApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) error {
	if err := mayManage(caller, app); err != nil {
		return err
	}
	_, err := s.triggers.DeleteMany(ctx, is("app", string(app)))
	if err != nil {
		return err
	}
	base := triggerID(app, "", "")[:len(app)+1]
	_, err = s.firings.DeleteMany(ctx, is("trigger", is("$gte", base, "$lt", base+"\U0010ffff")))
	return err
}

// find returns a trigger that the caller manages.
func (s *Scheduler) find(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string) (trigger, error) {
	if err := mayManage(caller, app); err != nil {
		return trigger{}, err
	}
	t, err := s.triggers.Get(ctx, triggerID(app, function, name))
	if errors.Is(err, yunduo.Errorf(yunduo.ReasonDocumentNotFound, "")) {
		return trigger{}, yunduo.Errorf(yunduo.ReasonTriggerNotFound, "the function %q has no trigger named %q", clip(function), clip(name))
	}
	return t, err
}

func mayManage(caller yunduo.Caller, app yunduo.AppID) error {
	if app == "" || !caller.MayManage(app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only who administers the app %q may see and change its triggers", string(app))
	}
	return nil
}

// dueAfter returns the first due time after a moment, nil if there is none.
func dueAfter(schedule Schedule, after time.Time) *time.Time {
	due := schedule.Next(after)
	if due.IsZero() {
		return nil
	}
	due = due.UTC()
	return &due
}

// raw encodes a record or filter of this package, which cannot fail.
func raw(v any) bson.Raw {
	document, err := bson.Marshal(v)
	if err != nil {
		panic(err)
	}
	return document
}

func clip(text string) string {
	if len(text) <= 100 {
		return text
	}
	return strings.ToValidUTF8(text[:100], "") + "…"
}

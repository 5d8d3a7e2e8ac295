package releases

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"yunduo"
	"yunduo/data/query/ejson"
)

// Kinds of what a release holds, beside the texts.
const (
	KindFunction = "function" // From and To are versions
	KindTrigger  = "trigger"  // Name is function/name
	KindRules    = "rules"    // of a collection
	KindIndex    = "index"    // Name is collection/name
)

// Change is something that two releases have not in common. From and To are texts, empty where there is nothing.
type Change struct {
	Kind     string
	Name     string // of the thing; empty for the texts
	From, To string
}

// Difference is what changed from one release to another.
type Difference struct {
	From, To int64
	Changes  []Change
}

// Diff compares two releases; 0 is the live one as to, and the one before it as from. Errors: permission_denied,
// release_not_found.
func (s *Service) Diff(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, from, to int64) (Difference, error) {
	if err := manage(caller, app); err != nil {
		return Difference{}, err
	}
	if to == 0 {
		now, err := s.now(ctx, app)
		if err != nil {
			return Difference{}, err
		}
		to = now.Number
	}
	if from == 0 {
		from = to - 1
	}
	a, err := s.release(ctx, app, from)
	if err != nil {
		return Difference{}, err
	}
	b, err := s.release(ctx, app, to)
	if err != nil {
		return Difference{}, err
	}
	before, err := a.things()
	if err != nil {
		return Difference{}, err
	}
	after, err := b.things()
	if err != nil {
		return Difference{}, err
	}
	return Difference{From: from, To: to, Changes: compare(before, after)}, nil
}

// thing is a part of a release, by kind and name.
type thing struct{ kind, name string }

func compare(before, after map[thing]string) []Change {
	all := maps.Clone(before)
	maps.Copy(all, after)
	changes := []Change{}
	for t := range all {
		if before[t] != after[t] {
			changes = append(changes, Change{t.kind, t.name, before[t], after[t]})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name)) })
	return changes
}

// things returns the parts of a release as texts.
func (r *record) things() (map[thing]string, error) {
	all := map[thing]string{}
	for name, version := range r.Functions {
		all[thing{KindFunction, name}] = strconv.FormatInt(version, 10)
	}
	for _, t := range r.Triggers {
		all[thing{KindTrigger, t.Function + "/" + t.Name}] = strings.TrimSpace(strings.Join([]string{t.Schedule, t.TimeZone, string(t.Overlap), t.Payload}, " "))
	}
	for _, rule := range r.Rules {
		all[thing{KindRules, rule.Collection}] = rule.Rules
	}
	for name, text := range r.Texts {
		all[thing{name, ""}] = text
	}
	for i := range r.Indexes {
		text, err := r.Indexes[i].text()
		if err != nil {
			return nil, err
		}
		all[thing{KindIndex, r.Indexes[i].Collection + "/" + r.Indexes[i].Name}] = text
	}
	return all, nil
}

// text describes an index as JSON.
func (r *indexRecord) text() (string, error) {
	type field struct {
		Path       string `json:"path"`
		Descending bool   `json:"descending,omitempty"`
		Kind       string `json:"kind,omitempty"`
	}
	i := r.index()
	shown := struct {
		Fields        []field         `json:"fields"`
		Unique        bool            `json:"unique,omitempty"`
		Sparse        bool            `json:"sparse,omitempty"`
		PartialFilter json.RawMessage `json:"partialFilter,omitempty"`
		Collation     json.RawMessage `json:"collation,omitempty"`
		ExpireAfter   float64         `json:"expireAfterSeconds,omitempty"`
	}{Unique: i.Unique, Sparse: i.Sparse, ExpireAfter: i.ExpireAfter.Seconds()}
	for _, f := range i.Fields {
		shown.Fields = append(shown.Fields, field(f))
	}
	if len(i.Partial) > 0 {
		shown.PartialFilter = ejson.Append(nil, i.Partial)
	}
	if len(i.Collation) > 0 {
		shown.Collation = ejson.Append(nil, i.Collation)
	}
	text, err := json.Marshal(shown)
	return string(text), err
}

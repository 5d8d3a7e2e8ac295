package documents

import (
	"context"
	"time"

	"yunduo"
)

// rulesAge is how long parsed rules count without another look: a change on another node is seen in under a second.
const rulesAge = 500 * time.Millisecond

// RuleTexts keep the rules that each app sets for one kind of thing, such as its files. They are safe for concurrent use.
type RuleTexts[T any] struct {
	db      *DB
	records *Records[ruleText]
	parse   func(text string) (T, error)
	none    string // what holds for an app that has set nothing
	parsed  *cache[yunduo.AppID, aged[T]]
}

// ruleText is what an app has set, under its ID.
type ruleText struct {
	ID     string `bson:"_id"`
	Rules  string `bson:"rules"`
	Preset string `bson:"preset,omitempty"` // where the rules of files were before they could be expressions
}

type aged[T any] struct {
	rules T
	text  string
	at    time.Time
}

// NewRuleTexts returns the rules in a collection of the system app. parse reads them; none is the text that holds for an
// app that has set nothing.
func NewRuleTexts[T any](db *DB, collection, none string, parse func(text string) (T, error)) *RuleTexts[T] {
	return &RuleTexts[T]{
		db: db, records: NewRecords[ruleText](db, collection, RecordOptions{}), parse: parse, none: none,
		parsed: newCache[yunduo.AppID, aged[T]](10_000),
	}
}

// Get returns the rules of an app, and their text.
func (r *RuleTexts[T]) Get(ctx context.Context, app yunduo.AppID) (rules T, text string, err error) {
	load := func() (aged[T], error) { return r.load(ctx, app) }
	known, err := r.parsed.get(app, load)
	if err == nil && r.db.options.Now().Sub(known.at) >= rulesAge {
		r.parsed.drop(app)
		known, err = r.parsed.get(app, load)
	}
	return known.rules, known.text, err
}

func (r *RuleTexts[T]) load(ctx context.Context, app yunduo.AppID) (aged[T], error) {
	now := r.db.options.Now()
	stored, err := r.records.Get(ctx, string(app))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		stored, err = ruleText{Rules: r.none}, nil
	}
	if err != nil {
		return aged[T]{}, err
	}
	if stored.Rules == "" {
		stored.Rules = stored.Preset
	}
	rules, err := r.parse(stored.Rules)
	if err != nil {
		return aged[T]{}, yunduo.Wrap(err, yunduo.ReasonInternal, "the stored rules of the app cannot be read")
	}
	return aged[T]{rules, stored.Rules, now}, nil
}

// Set gives an app its rules, at once; the errors of parse.
func (r *RuleTexts[T]) Set(ctx context.Context, app yunduo.AppID, text string) error {
	if _, err := r.parse(text); err != nil {
		return err
	}
	defer r.parsed.drop(app)
	return r.records.Put(ctx, string(app), ruleText{ID: string(app), Rules: text})
}

// Delete forgets what an app has set.
func (r *RuleTexts[T]) Delete(ctx context.Context, app yunduo.AppID) error {
	defer r.parsed.drop(app)
	_, err := r.records.Delete(ctx, string(app))
	return err
}

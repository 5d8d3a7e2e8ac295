package documents

import (
	"context"

	"yunduo"
)

// RuleTexts keep the rules that each app sets for one kind of thing, such as its files. They are safe for concurrent use.
type RuleTexts[T any] struct {
	records *Records[ruleText]
	parse   func(text string) (T, error)
	none    string // what holds for an app that has set nothing
	parsed  *cache[yunduo.AppID, parsedText[T]]
}

// ruleText is what an app has set, under its ID.
type ruleText struct {
	ID     string `bson:"_id"`
	Rules  string `bson:"rules"`
	Preset string `bson:"preset,omitempty"` // where the rules of files were before they could be expressions
}

type parsedText[T any] struct {
	rules T
	text  string
}

// NewRuleTexts returns the rules in a collection of the system app. parse reads them; none is the text that holds for an
// app that has set nothing.
func NewRuleTexts[T any](db *DB, collection, none string, parse func(text string) (T, error)) *RuleTexts[T] {
	r := &RuleTexts[T]{
		records: NewRecords[ruleText](db, collection, RecordOptions{}), parse: parse, none: none,
		parsed: cached[yunduo.AppID, parsedText[T]](db, collection, cachedRules),
	}
	db.textsMu.Lock()
	defer db.textsMu.Unlock()
	db.texts = append(db.texts, r.parsed.drop)
	return r
}

// Get returns the rules of an app, and their text.
func (r *RuleTexts[T]) Get(ctx context.Context, app yunduo.AppID) (rules T, text string, err error) {
	known, err := r.parsed.get(app, func() (parsedText[T], error) { return r.load(ctx, app) })
	return known.rules, known.text, err
}

func (r *RuleTexts[T]) load(ctx context.Context, app yunduo.AppID) (parsedText[T], error) {
	stored, err := r.records.Get(ctx, string(app))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		stored, err = ruleText{Rules: r.none}, nil
	}
	if err != nil {
		return parsedText[T]{}, err
	}
	if stored.Rules == "" {
		stored.Rules = stored.Preset
	}
	rules, err := r.parse(stored.Rules)
	if err != nil {
		return parsedText[T]{}, yunduo.Wrap(err, yunduo.ReasonInternal, "the stored rules of the app cannot be read")
	}
	return parsedText[T]{rules, stored.Rules}, nil
}

// Set gives an app its rules, at once; the errors of parse.
func (r *RuleTexts[T]) Set(ctx context.Context, app yunduo.AppID, text string) error {
	if _, err := r.parse(text); err != nil {
		return err
	}
	defer r.parsed.drop(app)
	return r.records.Put(ctx, string(app), ruleText{ID: string(app), Rules: text})
}

// Check tells whether a text can be set; the errors of parse.
func (r *RuleTexts[T]) Check(text string) error {
	_, err := r.parse(text)
	return err
}

// Prepare makes the collection of the texts, which cannot be done inside a transaction.
func (r *RuleTexts[T]) Prepare(ctx context.Context) error { return r.records.Prepare(ctx) }

// TextWithin returns the text of an app's rules as a transaction of the system app sees it, after Prepare.
func (r *RuleTexts[T]) TextWithin(ctx context.Context, s *Session, app yunduo.AppID) (string, error) {
	stored, err := r.records.Within(s).Get(ctx, string(app))
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound:
		return r.none, nil
	case err != nil:
		return "", err
	case stored.Rules == "":
		return stored.Preset, nil
	}
	return stored.Rules, nil
}

// SetWithin is Set as part of a transaction of DB.SwitchRules, after Check and Prepare.
func (r *RuleTexts[T]) SetWithin(ctx context.Context, s *Session, app yunduo.AppID, text string) error {
	return r.records.Within(s).Put(ctx, string(app), ruleText{ID: string(app), Rules: text})
}

// Delete forgets what an app has set.
func (r *RuleTexts[T]) Delete(ctx context.Context, app yunduo.AppID) error {
	defer r.parsed.drop(app)
	_, err := r.records.Delete(ctx, string(app))
	return err
}

package storage

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/rules"
)

// defaultRules hold where an app has set none: end users see and change what they stored themselves.
const defaultRules = "private"

func parseRules(text string) (*rules.Rules, error) { return rules.ParseFor(rules.Files, text) }

// Rules returns what end users may do with the files of the caller's app: the name of a preset (private, readonly,
// adminwrite, adminonly) or a JSON object of expressions on resource and auth. Code of the app, its owner and the
// platform may do all.
func (s *Store) Rules(ctx context.Context, caller yunduo.Caller) (string, error) {
	if err := admit(caller); err != nil {
		return "", err
	}
	_, text, err := s.rules.Get(ctx, caller.App)
	return text, err
}

// SetRules sets the rules of the caller's app, live at once. Only who administers the app may; permission_denied
// otherwise, invalid_rules for what are no rules.
func (s *Store) SetRules(ctx context.Context, caller yunduo.Caller, text string) error {
	if err := admit(caller); err != nil {
		return err
	}
	if !caller.MayManage(caller.App) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only the owner of the app may change the rules of its files")
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = strings.ToLower(strings.TrimSpace(text))
	}
	return s.rules.Set(ctx, caller.App, text)
}

// RuleTexts are the rules of the files of apps, for who changes them together with other things.
func (s *Store) RuleTexts() *documents.RuleTexts[*rules.Rules] { return s.rules }

// admit refuses callers without an app or without a role.
func admit(caller yunduo.Caller) error {
	if caller.App == "" || !caller.Privileged() && !caller.EndUser() {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "files belong to an app, and this caller acts in none")
	}
	return nil
}

// owner returns what marks the files of an end user: the openid, else the user ID.
func owner(caller yunduo.Caller) string {
	if caller.OpenID != "" {
		return caller.OpenID
	}
	return caller.UserID
}

// decide returns what the rules let an end user do.
func (s *Store) decide(ctx context.Context, caller yunduo.Caller, op rules.Operation) (rules.Decision, error) {
	set, _, err := s.rules.Get(ctx, caller.App)
	if err != nil {
		return rules.Decision{}, err
	}
	return set.Decide(op, rules.Auth{
		OpenID: owner(caller), UserID: caller.UserID, UnionID: caller.UnionID, Provider: caller.Provider,
		Anonymous: caller.Role == yunduo.RoleAnonymous, Lookup: s.db.Lookup(caller.App),
	})
}

// resource is a file as rules see it.
func resource(file record) (bson.Raw, error) {
	raw, err := bson.Marshal(bson.D{
		{Key: "openid", Value: file.Owner}, {Key: "path", Value: file.Path}, {Key: "size", Value: file.Size}, {Key: "type", Value: file.ContentType},
	})
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the file cannot be shown to the rules")
	}
	return raw, nil
}

func (s *Store) may(ctx context.Context, caller yunduo.Caller, op rules.Operation, file record) error {
	if caller.Privileged() {
		return nil
	}
	decision, err := s.decide(ctx, caller, op)
	if err != nil {
		return err
	}
	seen, err := resource(file)
	if err != nil {
		return err
	}
	if !decision.Allows(seen) {
		return denied(op, file.Path)
	}
	return nil
}

// mayRead checks that the caller may read a file.
func (s *Store) mayRead(ctx context.Context, caller yunduo.Caller, file record) error {
	return s.may(ctx, caller, rules.Read, file)
}

// mayRemove checks that the caller may remove a file.
func (s *Store) mayRemove(ctx context.Context, caller yunduo.Caller, file record) error {
	return s.may(ctx, caller, rules.Delete, file)
}

// mayWrite checks that the caller may replace a file or, if there is none yet, store this one.
func (s *Store) mayWrite(ctx context.Context, caller yunduo.Caller, next record, present *record) error {
	switch {
	case present != nil:
		return s.may(ctx, caller, rules.Update, *present)
	case !caller.Privileged() && owner(caller) == "":
		return denied(rules.Create, next.Path)
	}
	next.Owner = owner(caller)
	return s.may(ctx, caller, rules.Create, next)
}

func denied(op rules.Operation, path string) error {
	verb := map[rules.Operation]string{rules.Read: "read", rules.Create: "write", rules.Update: "write", rules.Delete: "remove"}[op]
	return yunduo.Errorf(yunduo.ReasonFileDenied, "the caller may not %s the file %q", verb, clip(path))
}

package functions

import (
	"context"

	"yunduo"
	"yunduo/data/rules"
)

// Rules returns which end users may call which functions of an app, as rules.ParseFunctions reads it. Who manages the
// app and its code may; permission_denied.
func (s *Service) Rules(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) (string, error) {
	if err := manage(caller, app); err != nil {
		return "", err
	}
	_, text, err := s.rules.Get(ctx, app)
	return text, err
}

// SetRules says which end users may call which functions, live at once; permission_denied, invalid_rules.
func (s *Service) SetRules(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, text string) error {
	if err := manage(caller, app); err != nil {
		return err
	}
	return s.rules.Set(ctx, app, text)
}

// allowed refuses an end user whom the rules do not let call a function, whether or not there is one.
func (s *Service) allowed(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) error {
	if !caller.EndUser() {
		return nil
	}
	set, _, err := s.rules.Get(ctx, app)
	if err != nil {
		return err
	}
	openID := caller.OpenID
	if openID == "" {
		openID = caller.UserID
	}
	may, err := set.MayInvoke(name, rules.Auth{
		OpenID: openID, UserID: caller.UserID, UnionID: caller.UnionID, Provider: caller.Provider,
		Anonymous: caller.Role == yunduo.RoleAnonymous, Lookup: s.db.Lookup(app),
	})
	if err != nil {
		return err
	}
	if !may {
		return yunduo.Errorf(yunduo.ReasonFunctionDenied, "the rules of the app do not let this caller call the function %s", name)
	}
	return nil
}

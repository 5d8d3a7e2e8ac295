package functions

import (
	"context"
	"maps"
	"time"

	"yunduo"
	"yunduo/functions/bundle"
)

// Change says what to change of a function; nil fields stay as they are, as do its triggers.
type Change struct {
	Files       []bundle.File // the files of its folder, all of them
	Timeout     *time.Duration
	Handler     *string
	Env         map[string]string // all of it
	OfficialSDK *bool
}

// Update makes a version that differs from the live one in what the change names, and makes it live. The code is built
// again only if it, or how it is built, changes. Errors: function_not_found, and those of Deploy.
func (s *Service) Update(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, c Change) (Version, error) {
	if err := manage(caller, app); err != nil {
		return Version{}, err
	}
	record, err := s.function(ctx, app, name)
	if err != nil {
		return Version{}, err
	}
	live, err := s.version(ctx, app, name, record.Live)
	if err != nil {
		return Version{}, err
	}
	settings := live.Settings
	if c.Timeout != nil {
		settings.Timeout = *c.Timeout
	}
	if c.Env != nil {
		settings.Env = maps.Clone(c.Env)
	}
	if c.Handler != nil {
		settings.Handler = *c.Handler
	}
	if c.OfficialSDK != nil {
		settings.OfficialSDK = *c.OfficialSDK
	}
	request := DeployRequest{Name: name, Settings: settings, Files: c.Files}
	if c.Files == nil {
		if live.Bundle == "" {
			return Version{}, yunduo.Errorf(yunduo.ReasonInvalidBundle, "the function %s has no code that could be read; deploy it again", name)
		}
		b, err := s.store.get(ctx, app, name, live.Bundle)
		if err != nil {
			return Version{}, err
		}
		if settings.OfficialSDK == live.Settings.OfficialSDK && settings.entry() == live.Settings.entry() {
			request.Bundle = b
		} else {
			request.Files = b.Source()
		}
	}
	return s.Deploy(ctx, caller, app, request)
}

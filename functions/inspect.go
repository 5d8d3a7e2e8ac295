package functions

import (
	"context"

	"yunduo"
	"yunduo/functions/runtime"
)

// Inspect returns the address at which a debugger can look into the live version of a function, whose process is started
// if there is none. Errors: permission_denied, function_not_found, function_load_failed, unsupported_call.
func (s *Service) Inspect(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string) (string, error) {
	if err := manage(caller, app); err != nil {
		return "", err
	}
	p, err := s.acquire(ctx, &yunduo.Caller{App: app}, name)
	if err != nil {
		return "", err
	}
	defer p.release()
	if p.failure != nil {
		return "", p.failure
	}
	code, ok := p.code.(runtime.Inspectable)
	if !ok {
		return "", yunduo.Errorf(yunduo.ReasonUnsupportedCall, "the runtime of function %s knows no debuggers", name)
	}
	return code.Inspect(ctx)
}

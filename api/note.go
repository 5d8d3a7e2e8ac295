package api

import (
	"context"
	"reflect"

	"yunduo"
)

// note lets a call that the code of a running invocation makes over the network appear in the invocation's trace.
func (a *API) note(ctx context.Context, call *Call, operation, target string) (context.Context, func(error)) {
	if call.Caller.InvocationID == "" || call.Caller.Role != yunduo.RoleFunction {
		return ctx, nil
	}
	ctx, end := a.rooms.Functions.Note(ctx, &call.Caller, operation)
	if end == nil {
		return ctx, nil
	}
	return ctx, func(err error) {
		if target == "" {
			target = targetOf(call.Input)
		}
		end(target, err)
	}
}

// targetOf returns the collection or function that a request names, as far as it is one of these.
func targetOf(request any) string {
	v := reflect.ValueOf(request)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for _, name := range []string{"Collection", "Name"} {
		if f := v.FieldByName(name); f.Kind() == reflect.String && f.Len() > 0 {
			return f.String()
		}
	}
	return ""
}

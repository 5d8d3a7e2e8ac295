package runtimetest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"yunduo/functions/runtime"
)

// invokeHost runs the program again for calls of functions.invoke.
func invokeHost(b *bench, p runtime.Program, self func() hostFunc) hostFunc {
	return func(ctx context.Context, _ *runtime.Invocation, _ string, request json.RawMessage, _ []byte) (json.RawMessage, []byte, error) {
		result, err := p.Invoke(ctx, b.invocation(string(request), withHost(self())))
		return result.JSON, nil, err
	}
}

// waitBusy gives requests that have just been started in the background a moment to reach the function: another
// request goes through the program first.
func waitBusy(t testing.TB, b *bench, p runtime.Program) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	if _, err := p.Invoke(t.Context(), b.invocation(`{"ms":0}`)); err != nil {
		t.Fatalf("invoke: %v", err)
	}
}

package keylock_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/internal/keylock"
)

func TestLock_OneAtATimePerName(t *testing.T) {
	var locks keylock.Locks
	var group sync.WaitGroup
	counts := map[string]*int{"a": new(int), "b": new(int)}
	for i := range 200 {
		name := []string{"a", "b"}[i%2]
		group.Go(func() {
			unlock, err := locks.Lock(t.Context(), name)
			if err == nil {
				*counts[name]++ // the race detector sees a second holder
				unlock()
			}
		})
	}
	group.Wait()
	require.Equal(t, 100, *counts["a"])
	require.Equal(t, 100, *counts["b"])
}

func TestLock_WaitingEnds(t *testing.T) {
	var locks keylock.Locks
	unlock, err := locks.Lock(t.Context(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = locks.Lock(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
	other, err := locks.Lock(t.Context(), "b")
	require.NoError(t, err, "another name is free")
	other()
	unlock()
	unlock() // a second time does nothing
	again, err := locks.Lock(t.Context(), "a")
	require.NoError(t, err)
	again()
}

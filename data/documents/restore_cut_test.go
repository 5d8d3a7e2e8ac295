package documents_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
)

// cutEngine does something before the change log is read.
type cutEngine struct {
	*embedded.Engine
	before func()
}

func (e cutEngine) ReadLog(ctx context.Context, app yunduo.AppID, q driver.LogQuery, visit func(driver.Change) bool) (uint64, error) {
	e.before()
	return e.Engine.ReadLog(ctx, app, q, visit)
}

// TestRestore_CutMeanwhile: a restore that finds only a part of the changes since then changes nothing.
func TestRestore_CutMeanwhile(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().UnixMilli())
	engine, err := embedded.Open(t.TempDir(), embedded.Options{
		CacheBytes: 1 << 20, MemtableBytes: 1 << 20, DiskReserve: -1, LogAge: time.Hour, SweepInterval: time.Millisecond,
		Now: func() time.Time { return time.UnixMilli(now.Load()) },
	})
	require.NoError(t, err)
	cut := cutEngine{engine, func() {
		now.Add((2 * time.Hour).Milliseconds())
		pause := time.NewTicker(time.Millisecond)
		defer pause.Stop()
		kept := true
		for looks := 0; kept && looks < 30_000; looks++ {
			start, err := engine.LogStart(t.Context(), owner.App)
			require.NoError(t, err)
			if kept = !start.IsZero(); kept {
				<-pause.C
			}
		}
		require.False(t, kept, "the log is not cut")
	}}
	db := documents.New(cut, documents.Options{})
	s := db.As(owner)
	require.NoError(t, s.CreateCollection(t.Context(), "notes"))
	insert(t, s, "notes", d("_id", "n", "v", 1))
	at, err := s.Position(t.Context())
	require.NoError(t, err)
	change(t, s, "n", d("$set", d("v", 2)))
	_, err = s.Restore(t.Context(), "notes", documents.Restore{Offset: at.Offset})
	requireReason(t, yunduo.ReasonPositionLost, err)
	require.EqualValues(t, 2, stored(t, db, "notes", "n")["v"])
	db.Close()
	require.NoError(t, engine.Close())
}

package triggers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/triggers"
)

// slow makes each call of the functions take a while.
func (f *fixture) slow(d time.Duration) {
	f.body = func(ctx context.Context, _ call) (string, error) {
		select {
		case <-time.After(d):
			return "slow", nil
		case <-ctx.Done():
			return "slow", ctx.Err()
		}
	}
}

func TestOverlap(t *testing.T) {
	for overlap, want := range map[triggers.Overlap][]string{
		"":                    {"00:00:10 succeeded", "00:00:20 skipped", "00:00:30 skipped", "00:00:40 running"},
		triggers.OverlapSkip:  {"00:00:10 succeeded", "00:00:20 skipped", "00:00:30 skipped", "00:00:40 running"},
		triggers.OverlapAllow: {"00:00:10 succeeded", "00:00:20 running", "00:00:30 running", "00:00:40 running"},
		triggers.OverlapQueue: {"00:00:10 succeeded", "00:00:20 running", "00:00:30 queued", "00:00:40 queued"},
	} {
		t.Run(string(overlap), func(t *testing.T) {
			bubble(t, triggers.Options{Drain: time.Second}, func(t *testing.T, f *fixture) {
				f.slow(25 * time.Second)
				definition := everySeconds("t", "10")
				definition.Overlap = overlap
				f.set(t, definition)
				pass(41 * time.Second)
				require.Equal(t, want, f.statuses(t, "t"))
			})
		})
	}
}

func TestQueueDrains(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.slow(12 * time.Second)
		definition := everySeconds("t", "10")
		definition.Overlap = triggers.OverlapQueue
		f.set(t, definition)
		pass(31 * time.Second)
		_, err := f.Enable(t.Context(), owner("one"), "one", "tidy", "t", false)
		require.NoError(t, err)
		pass(time.Minute)
		require.Equal(t, []string{"00:00:10 succeeded", "00:00:20 succeeded", "00:00:30 succeeded"}, f.statuses(t, "t"))
		require.Equal(t, []string{"00:00:10", "00:00:20", "00:00:30"}, f.due(t), "in turn, each with its own due time")
		for i, at := range []int{10, 22, 34} {
			require.Equal(t, at, f.seen()[i].at.Second(), "one after the other")
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	bubble(t, triggers.Options{Drain: time.Second}, func(t *testing.T, f *fixture) {
		f.slow(time.Hour)
		definition := everySeconds("t", "1")
		definition.Overlap = triggers.OverlapQueue
		f.set(t, definition)
		pass(103 * time.Second)
		history, err := f.History(t.Context(), owner("one"), "one", "tidy", "t", 3)
		require.NoError(t, err)
		require.Equal(t, triggers.StatusSkipped, history[0].Status)
		require.Contains(t, history[0].Message, "waiting")
		require.Equal(t, triggers.StatusQueued, history[2].Status)
		require.Len(t, f.due(t), 1)
		f.set(t)
		f.stop()
		f.run(t)
		pass(time.Second)
		require.Len(t, f.due(t), 1, "what waited for a removed trigger does not run")
	})
}

func TestRunNow(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.slow(time.Minute)
		f.set(t, triggers.Definition{Name: "t", Schedule: "0 0 0 1 1 ? 2001", TimeZone: "UTC", Payload: "p"})
		_, err := f.Enable(t.Context(), owner("one"), "one", "tidy", "t", false)
		require.NoError(t, err)
		pass(1234 * time.Millisecond)
		for range 2 {
			fired, err := f.RunNow(t.Context(), owner("one"), "one", "tidy", "t")
			require.NoError(t, err)
			require.True(t, fired.Manual)
			require.Equal(t, triggers.StatusQueued, fired.Status)
		}
		pass(time.Second)
		require.Equal(t, []string{"00:00:01 running", "00:00:01 running"}, f.statuses(t, "t"), "also when it is off, and both at once")
		require.Equal(t, "p", f.seen()[0].event.Message)
		pass(time.Minute)
		require.Equal(t, []string{"00:00:01 succeeded", "00:00:01 succeeded"}, f.statuses(t, "t"))
		_, err = f.RunNow(t.Context(), owner("one"), "one", "tidy", "none")
		reason(t, yunduo.ReasonTriggerNotFound, err)
	})
}

func TestRunNowWaitsForAServer(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, triggers.Definition{Name: "t", Schedule: "0 0 0 1 1 ? 2001", TimeZone: "UTC"})
		f.stop()
		_, err := f.RunNow(t.Context(), owner("one"), "one", "tidy", "t")
		require.NoError(t, err)
		pass(time.Hour)
		require.Empty(t, f.due(t))
		f.run(t)
		pass(time.Second)
		require.Equal(t, []string{"00:00:00"}, f.due(t))
	})
}

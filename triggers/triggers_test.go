package triggers_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata" // the zones of the tests are there on every machine

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/triggers"
	"yunduo/triggers/cron"
)

// call is what a function saw of its trigger.
type call struct {
	app      yunduo.AppID
	function string
	at       time.Time
	event    struct{ Type, TriggerName, Time, Message string }
}

// functions stand in for the functions that triggers call.
type functions struct {
	mu    sync.Mutex
	calls []call
	body  func(ctx context.Context, c call) (string, error) // nil succeeds at once
}

func (f *functions) InvokeTrigger(ctx context.Context, app yunduo.AppID, function string, event json.RawMessage) (string, error) {
	c := call{app: app, function: function, at: time.Now()}
	if err := json.Unmarshal(event, &c.event); err != nil {
		return "", err
	}
	f.mu.Lock()
	f.calls = append(f.calls, c)
	f.mu.Unlock()
	if f.body == nil {
		return "invocation", nil
	}
	return f.body(ctx, c)
}

// seen returns the calls so far.
func (f *functions) seen() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// due returns the due times that the calls so far are for, as clock times.
func (f *functions) due(t testing.TB) (times []string) {
	for _, c := range f.seen() {
		at, err := time.Parse("2006-01-02T15:04:05Z", c.event.Time)
		require.NoError(t, err)
		times = append(times, at.Format("15:04:05"))
	}
	return times
}

// fixture is a scheduler on a database in memory. Time is that of the synctest bubble: it begins at midnight UTC of
// 2000-01-01, a Saturday.
type fixture struct {
	*triggers.Scheduler
	*functions
	db   *documents.DB
	stop func() // ends Run and waits for it
}

func parser(line, zone string) (triggers.Schedule, error) { return cron.Parse(line, zone) }

func openDB(t testing.TB, fs vfs.FS) (db *documents.DB, closeAll func()) {
	t.Helper()
	engine, err := embedded.Open("db", embedded.Options{FS: fs})
	require.NoError(t, err)
	db = documents.New(engine, documents.Options{})
	return db, sync.OnceFunc(func() {
		db.Close()
		require.NoError(t, engine.Close())
	})
}

func newFixture(db *documents.DB, options triggers.Options) *fixture {
	f := &fixture{functions: &functions{}, db: db, stop: func() {}}
	f.Scheduler = triggers.New(db, f.functions, parser, options)
	return f
}

// run starts the scheduler.
func (f *fixture) run(t testing.TB) *fixture {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return f
}

// bubble runs a test in virtual time, on a running scheduler.
func bubble(t *testing.T, options triggers.Options, test func(t *testing.T, f *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		db, closeDB := openDB(t, vfs.NewMem())
		defer closeDB()
		f := newFixture(db, options).run(t)
		defer func() { f.stop() }()
		test(t, f)
	})
}

// pass lets time go by and waits until all that is due has been done.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func owner(app yunduo.AppID) yunduo.Caller { return yunduo.Caller{App: app, Role: yunduo.RoleOwner} }

func (f *fixture) set(t testing.TB, definitions ...triggers.Definition) []triggers.Trigger {
	t.Helper()
	list, err := f.Set(t.Context(), owner("one"), "one", "tidy", definitions)
	require.NoError(t, err)
	return list
}

// statuses returns the history of a trigger, oldest first, as "due status".
func (f *fixture) statuses(t testing.TB, name string) (list []string) {
	t.Helper()
	history, err := f.History(t.Context(), owner("one"), "one", "tidy", name, 100)
	require.NoError(t, err)
	for _, each := range history {
		list = append([]string{each.DueAt.Format("15:04:05") + " " + string(each.Status)}, list...)
	}
	return list
}

func everySeconds(name, n string) triggers.Definition {
	return triggers.Definition{Name: name, Type: "timer", Schedule: "*/" + n + " * * * * * *", TimeZone: "UTC"}
}

func reason(t testing.TB, want yunduo.Reason, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, yunduo.ReasonOf(err), "%v", err)
}

func TestFires(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, triggers.Definition{Name: "每五秒", Schedule: "*/5 * * * * * *", Payload: `{"a":1}`})
		pass(21 * time.Second)
		require.Equal(t, []string{"00:00:05", "00:00:10", "00:00:15", "00:00:20"}, f.due(t))
		for _, c := range f.seen() {
			require.Equal(t, yunduo.AppID("one"), c.app)
			require.Equal(t, "tidy", c.function)
			require.Equal(t, "Timer", c.event.Type)
			require.Equal(t, "每五秒", c.event.TriggerName)
			require.Equal(t, `{"a":1}`, c.event.Message)
			require.Equal(t, c.event.Time, c.at.UTC().Truncate(time.Second).Format(time.RFC3339), "it fires when it is due")
		}
		history, err := f.History(t.Context(), owner("one"), "one", "tidy", "每五秒", 1)
		require.NoError(t, err)
		require.Equal(t, triggers.StatusSucceeded, history[0].Status)
		require.Equal(t, "invocation", history[0].InvocationID)
		require.Equal(t, history[0].DueAt, history[0].StartedAt)
	})
}

func TestZone(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		list := f.set(t,
			triggers.Definition{Name: "shanghai", Schedule: "0 30 9 * * * *"},
			triggers.Definition{Name: "utc", Schedule: "0 30 9 * * * *", TimeZone: "UTC"})
		require.Equal(t, "Asia/Shanghai", list[0].TimeZone)
		pass(10 * time.Hour)
		require.Equal(t, []string{"01:30:00", "09:30:00"}, f.due(t))
		require.Equal(t, "2000-01-01T01:30:00Z", f.seen()[0].event.Time)
	})
}

func TestFailure(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.body = func(ctx context.Context, c call) (string, error) {
			require.NotEmpty(t, yunduo.RequestID(ctx))
			time.Sleep(1500 * time.Millisecond)
			return "inv-7", yunduo.Errorf(yunduo.ReasonFunctionError, "x is not defined")
		}
		f.set(t, everySeconds("t", "10"))
		pass(12 * time.Second)
		history, err := f.History(t.Context(), owner("one"), "one", "tidy", "t", 0)
		require.NoError(t, err)
		require.Len(t, history, 1)
		require.Equal(t, triggers.StatusFailed, history[0].Status)
		require.Equal(t, yunduo.ReasonFunctionError, history[0].Reason)
		require.Equal(t, "x is not defined", history[0].Message)
		require.Equal(t, "inv-7", history[0].InvocationID)
		require.Equal(t, 1500*time.Millisecond, history[0].Duration)
		pass(10 * time.Second)
		require.Len(t, f.due(t), 2, "a failure does not end the trigger")
	})
}

func TestHistoryIsBounded(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("a", "1"), everySeconds("b", "60"))
		pass(150 * time.Second)
		require.Equal(t, 152, len(f.due(t)))
		history, err := f.History(t.Context(), owner("one"), "one", "tidy", "a", 100)
		require.NoError(t, err)
		require.Len(t, history, 100)
		require.Equal(t, "00:02:30", history[0].DueAt.Format("15:04:05"), "the latest are kept")
		require.Equal(t, []string{"00:01:00 succeeded", "00:02:00 succeeded"}, f.statuses(t, "b"))
		for _, limit := range []int{-1, 101} {
			_, err := f.History(t.Context(), owner("one"), "one", "tidy", "a", limit)
			reason(t, yunduo.ReasonInvalidRequest, err)
		}
	})
}

package functions_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/functions"
	"yunduo/storage/disk"
)

// atMinute is a clock that stands still until it is put forward.
type atMinute struct{ unix atomic.Int64 }

func newClock() *atMinute {
	c := &atMinute{}
	c.unix.Store(1_800_000_000) // a whole hour
	return c
}

func (c *atMinute) now() time.Time        { return time.Unix(c.unix.Load(), 0).UTC() }
func (c *atMinute) forward(seconds int64) { c.unix.Add(seconds) }

func (h *house) history(t testing.TB, q functions.StatsQuery) functions.Series {
	t.Helper()
	series, err := h.History(t.Context(), owner, app, q)
	require.NoError(t, err)
	return series
}

func TestHistory(t *testing.T) {
	clock, dir := newClock(), t.TempDir()
	h := open(t, dir, functions.Options{Now: clock.now})
	h.deploy(t, "talks", talks)
	h.deploy(t, "other", returning("x"))
	for range 3 {
		h.call(t, "talks")
	}
	_, err := h.Invoke(t.Context(), user, app, "talks", json.RawMessage(`{"fail":true}`), functions.InvokeOptions{})
	require.Error(t, err)
	clock.forward(60)
	h.call(t, "talks")
	h.call(t, "other")
	check := func(h *house) {
		t.Helper()
		series := h.history(t, functions.StatsQuery{Function: "talks", From: clock.now().Add(-2 * time.Minute)})
		require.Len(t, series.Buckets, 3)
		require.Zero(t, series.Buckets[0].Calls)
		first, second := series.Buckets[1], series.Buckets[2]
		require.Equal(t, int64(1_800_000_000), first.Time.Unix())
		require.EqualValues(t, []int64{4, 1, 1}, []int64{first.Calls, first.Errors, first.ColdStarts})
		require.EqualValues(t, []int64{1, 0, 0}, []int64{second.Calls, second.Errors, second.ColdStarts})
		require.Positive(t, first.P50)
		require.GreaterOrEqual(t, first.P99, first.P95)
		require.GreaterOrEqual(t, first.P95, first.P50)
		require.Positive(t, first.Queue, "the first call waited for its process")
		require.GreaterOrEqual(t, first.QueueMax, first.Queue)
		require.EqualValues(t, 5, series.Total.Calls)
		all := h.history(t, functions.StatsQuery{From: clock.now().Add(-2 * time.Minute)})
		require.EqualValues(t, []int64{0, 4, 2}, []int64{all.Buckets[0].Calls, all.Buckets[1].Calls, all.Buckets[2].Calls})
		hours := h.history(t, functions.StatsQuery{From: clock.now().Add(-25 * time.Hour)})
		require.Equal(t, time.Hour, hours.Step)
		require.Len(t, hours.Buckets, 26)
		require.EqualValues(t, 6, hours.Buckets[25].Calls)
		require.EqualValues(t, 1, hours.Total.Errors)
		each, err := h.HistoryByFunction(t.Context(), owner, app, functions.StatsQuery{})
		require.NoError(t, err)
		require.Len(t, each, 2)
		require.EqualValues(t, 5, each["talks"].Calls)
		require.EqualValues(t, 1, each["other"].Calls)
	}
	check(h) // nothing is stored yet
	h.StoreFigures(clock.now().Unix() / 60)
	check(h) // the first minute is
	h.close()
	h = open(t, dir, functions.Options{Now: clock.now})
	check(h) // all is, and the service begins anew
	h.call(t, "other")
	series := h.history(t, functions.StatsQuery{Function: "other"})
	require.EqualValues(t, 2, series.Total.Calls, "what is stored and what is not belong together")
	h.StoreFigures(clock.now().Unix()/60 + 1)
	require.EqualValues(t, 2, h.history(t, functions.StatsQuery{Function: "other"}).Total.Calls)

	require.NoError(t, h.Delete(t.Context(), owner, app, "other"))
	require.Zero(t, h.history(t, functions.StatsQuery{Function: "other"}).Total.Calls)
	require.EqualValues(t, 5, h.history(t, functions.StatsQuery{Function: "talks"}).Total.Calls)
	require.NoError(t, h.DropApp(t.Context(), owner, app))
	require.Zero(t, h.history(t, functions.StatsQuery{}).Total.Calls)
}

func TestHistory_UseOfProcesses(t *testing.T) {
	h := start(t)
	h.deploy(t, "burns", `
		const kept = []
		exports.main = async () => { kept.push(Buffer.alloc(8 << 20, 1)); for (const start = process.cpuUsage().user; process.cpuUsage().user - start < 60000;); }`)
	h.call(t, "burns")
	h.Sample()
	total := h.history(t, functions.StatsQuery{Function: "burns"}).Total
	if runtime.GOOS != "linux" {
		require.Zero(t, total.Memory)
		return // processor time is known once the process has ended
	}
	require.Greater(t, total.CPU, 50*time.Millisecond)
	require.Greater(t, total.Memory, int64(8<<20))
	h.Sample()
	again := h.history(t, functions.StatsQuery{Function: "burns"}).Total
	require.Less(t, again.CPU, total.CPU+100*time.Millisecond, "time is counted once")
}

func TestHistory_Refused(t *testing.T) {
	h := start(t)
	h.deploy(t, "f", returning("x"))
	for name, caller := range map[string]yunduo.Caller{"nobody": {}, "a user": user, "code": {App: app, Role: yunduo.RoleFunction}, "another owner": {App: "other", Role: yunduo.RoleOwner}} {
		_, err := h.History(t.Context(), caller, app, functions.StatsQuery{})
		refused(t, yunduo.ReasonPermissionDenied, err)
		_, err = h.HistoryByFunction(t.Context(), caller, app, functions.StatsQuery{})
		require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err), name)
	}
	now := time.Now()
	for field, q := range map[string]functions.StatsQuery{
		"stepSeconds": {Step: time.Second},
		"from":        {From: now, To: now.Add(-time.Hour)},
		"more than":   {From: now.Add(-48 * time.Hour), Step: time.Minute},
		"1970":        {From: time.Unix(-1, 0), To: now},
	} {
		_, err := h.History(t.Context(), owner, app, q)
		refused(t, yunduo.ReasonInvalidRequest, err, field)
	}
	foreign, err := h.History(t.Context(), operator, "other-app", functions.StatsQuery{})
	require.NoError(t, err)
	require.Zero(t, foreign.Total.Calls)
}

// Two nodes add to the same records.
func TestHistory_OfTwoNodes(t *testing.T) {
	one, two := startTwo(t)
	_, err := one.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("x"))})
	require.NoError(t, err)
	for _, s := range []*functions.Service{one, two, two} {
		_, err := s.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
		require.NoError(t, err)
	}
	for _, s := range []*functions.Service{one, two} {
		s.StoreFigures(time.Now().Unix()/60 + 1)
	}
	series, err := one.History(t.Context(), owner, app, functions.StatsQuery{Function: "f"})
	require.NoError(t, err)
	require.EqualValues(t, 3, series.Total.Calls)
}

// Counting an invocation allocates nothing once its second and minute have begun.
func TestFigures_AllocateNothing(t *testing.T) {
	count := functions.Counting(time.Unix(1_800_000_000, 0))
	require.Zero(t, testing.AllocsPerRun(1000, count))
}

func BenchmarkFigures(b *testing.B) {
	count := functions.Counting(time.Unix(1_800_000_000, 0))
	b.ReportAllocs()
	for b.Loop() {
		count()
	}
}

// countVariable makes the test binary count calls until it is killed. Its value is the folder.
const countVariable = "FUNCTIONS_TEST_COUNT"

// countUntilKilled counts three calls in one minute and two in the next one, and waits.
func countUntilKilled(dir string) error {
	engine, err := embedded.Open(filepath.Join(dir, "documents"), embedded.Options{})
	if err != nil {
		return err
	}
	bucket, err := disk.Open(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	clock := newClock()
	s, err := functions.New(documents.New(engine, documents.Options{}), bucket, still{}, functions.Options{CacheDir: filepath.Join(dir, "cache"), Now: clock.now})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := s.Deploy(ctx, owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", ""), KeepBroken: true}); err != nil {
		return err
	}
	for i := range 5 {
		if i == 3 {
			clock.forward(60)
			s.StoreFigures(clock.now().Unix() / 60)
		}
		if _, err := s.Invoke(ctx, user, app, "f", nil, functions.InvokeOptions{}); err != nil {
			return err
		}
	}
	fmt.Println("counted")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestHistory_SurvivesKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), countVariable+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.True(t, bufio.NewScanner(out).Scan())
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())

	clock := newClock()
	clock.forward(60)
	h := openWith(t, dir, functions.Options{Now: clock.now}, still{})
	series := h.history(t, functions.StatsQuery{Function: "f", From: clock.now().Add(-time.Minute)})
	require.EqualValues(t, 3, series.Buckets[0].Calls, "a minute that is over is kept")
	require.Zero(t, series.Buckets[1].Calls, "the running one is lost")
	require.EqualValues(t, 3, h.history(t, functions.StatsQuery{From: clock.now().Add(-time.Hour), Step: time.Hour}).Total.Calls)
}

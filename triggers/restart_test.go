package triggers_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"yunduo/triggers"
)

func TestRestart(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("t", "5"))
		pass(12 * time.Second)
		f.stop()
		pass(2 * time.Second) // nothing is due in between
		f.run(t)
		pass(2 * time.Second)
		require.Equal(t, []string{"00:00:05", "00:00:10", "00:00:15"}, f.due(t), "a quick restart neither loses nor doubles")
		f.stop()
		pass(13 * time.Second) // 20 and 25 pass by
		f.run(t)
		pass(2 * time.Second)
		require.Equal(t, []string{"00:00:05", "00:00:10", "00:00:15", "00:00:25", "00:00:30"}, f.due(t), "the latest missed one is made up for")
		require.Equal(t, []string{"00:00:05 succeeded", "00:00:10 succeeded", "00:00:15 succeeded", "00:00:20 missed", "00:00:25 succeeded", "00:00:30 succeeded"}, f.statuses(t, "t"))
	})
}

func TestLongDowntime(t *testing.T) {
	for name, c := range map[string]struct {
		options    triggers.Options
		line       string
		down       time.Duration
		due, notes []string
	}{
		"just inside the window":   {triggers.Options{}, "0 0 2 * * * *", 2*time.Hour + 5*time.Minute, []string{"02:00:00"}, []string{"02:00:00 succeeded"}},
		"just outside":             {triggers.Options{}, "0 0 2 * * * *", 2*time.Hour + 5*time.Minute + time.Second, nil, []string{"02:00:00 missed"}},
		"a window of one's own":    {triggers.Options{CatchUp: 2 * time.Hour}, "0 0 2 * * * *", 3 * time.Hour, []string{"02:00:00"}, []string{"02:00:00 succeeded"}},
		"many missed, one made up": {triggers.Options{}, "0 0 * * * * *", 3*time.Hour + time.Minute, []string{"03:00:00"}, []string{"01:00:00 missed", "03:00:00 succeeded"}},
		"every second for an hour": {triggers.Options{}, "* * * * * * *", time.Hour - time.Millisecond, []string{"00:59:59"}, []string{"00:00:01 missed", "00:59:59 succeeded"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, c.options, func(t *testing.T, f *fixture) {
				f.stop()
				list := f.set(t, triggers.Definition{Name: "t", Schedule: c.line, TimeZone: "UTC"})
				pass(c.down)
				f.run(t)
				synctest.Wait()
				require.Equal(t, c.due, f.due(t))
				require.Equal(t, c.notes, f.statuses(t, "t"))
				again, err := f.List(t.Context(), owner("one"), "one")
				require.NoError(t, err)
				require.True(t, again[0].NextRuns[0].After(time.Now()), "it goes on as planned: %v after %v", again[0].NextRuns, list[0].NextRuns)
			})
		})
	}
}

func TestStopWaitsForFunctions(t *testing.T) {
	bubble(t, triggers.Options{Drain: 10 * time.Second}, func(t *testing.T, f *fixture) {
		f.slow(8 * time.Second)
		f.set(t, everySeconds("t", "30"))
		pass(31 * time.Second)
		stopping := time.Now()
		f.stop()
		require.Equal(t, 7*time.Second, time.Since(stopping))
		require.Equal(t, []string{"00:00:30 succeeded"}, f.statuses(t, "t"))

		f.slow(time.Hour)
		f.run(t)
		pass(23 * time.Second)
		stopping = time.Now()
		f.stop()
		require.Equal(t, 10*time.Second, time.Since(stopping), "and then cuts them off")
		require.Equal(t, []string{"00:00:30 succeeded", "00:01:00 interrupted"}, f.statuses(t, "t"))
	})
}

// TestCrash opens what a power cut at some moment leaves on the disk.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewCrashableMem()
		db, closeDB := openDB(t, disk)
		defer closeDB()
		f := newFixture(db, triggers.Options{Drain: time.Second})
		f.slow(3 * time.Second)
		f.run(t)
		f.set(t, everySeconds("t", "10"))
		pass(21 * time.Second) // the second call is running
		left := disk.CrashClone(vfs.CrashCloneCfg{})
		after, closeAfter := openDB(t, left)
		defer closeAfter()
		f.stop()
		g := newFixture(after, triggers.Options{}).run(t)
		defer g.stop()
		pass(6 * time.Second) // the first node took up to a second to stop
		require.Empty(t, g.due(t), "what was claimed before the crash does not fire again")
		require.Equal(t, []string{"00:00:10 succeeded", "00:00:20 interrupted"}, g.statuses(t, "t"))
		pass(10 * time.Second)
		require.Equal(t, []string{"00:00:30"}, g.due(t), "the next one does, at once: the lost call holds up nothing")
	})
}

func TestManyNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, closeDB := openDB(t, vfs.NewMem())
		defer closeDB()
		var nodes []*fixture
		for range 4 {
			nodes = append(nodes, newFixture(db, triggers.Options{SharedDatabase: true}).run(t))
		}
		nodes[0].set(t, everySeconds("a", "2"), everySeconds("b", "3"))
		pass(20 * time.Second) // the others learn of the triggers
		pass(41 * time.Second)
		fired := map[string]int{}
		for _, node := range nodes {
			for _, c := range node.seen() {
				fired[c.event.TriggerName+" "+c.event.Time]++
			}
		}
		for second := 1; second <= 60; second++ {
			at := time.Date(2000, 1, 1, 0, 0, second, 0, time.UTC).Format(time.RFC3339)
			for name, n := range map[string]int{"a": 2, "b": 3} {
				want := 0
				if second%n == 0 {
					want = 1
				}
				require.Equal(t, want, fired[name+" "+at], "%s at %s", name, at)
			}
		}
		nodes[0].stop()
		pass(time.Minute)
		require.Contains(t, fmt.Sprint(nodes[1].due(t), nodes[2].due(t), nodes[3].due(t)), "00:02:00", "the others carry on")
		for _, node := range nodes {
			node.stop()
		}
	})
}

func TestSilentNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, closeDB := openDB(t, vfs.NewMem())
		defer closeDB()
		other := newFixture(db, triggers.Options{SharedDatabase: true, Drain: time.Nanosecond})
		other.slow(10 * time.Minute)
		other.run(t)
		other.set(t, everySeconds("t", "10"))
		pass(11 * time.Second)
		node := newFixture(db, triggers.Options{SharedDatabase: true}).run(t)
		defer node.stop()
		pass(5 * time.Minute)
		require.Empty(t, node.due(t), "a call of five minutes shows signs of life, so its trigger is not fired elsewhere")
		other.stop()
		pass(20 * time.Second)
		require.NotEmpty(t, node.due(t))
	})
}

package triggers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/triggers"
)

func names(list []triggers.Trigger) (names []string) {
	for _, each := range list {
		names = append(names, each.Function+"/"+each.Name)
	}
	return names
}

func TestSet(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		require.Equal(t, []string{"tidy/a", "tidy/b"}, names(f.set(t, everySeconds("b", "10"), everySeconds("a", "20"))))
		_, err := f.Set(t.Context(), owner("one"), "one", "tidy2", []triggers.Definition{everySeconds("a", "30")})
		require.NoError(t, err)
		pass(15 * time.Second)
		require.Equal(t, []string{"00:00:10"}, f.due(t))

		t.Log("b keeps its due time, a gets another schedule, c is new")
		list := f.set(t, everySeconds("b", "10"), everySeconds("a", "7"), everySeconds("c", "25"))
		require.Equal(t, []string{"tidy/a", "tidy/b", "tidy/c"}, names(list))
		require.Equal(t, "00:00:21", list[0].NextRuns[0].Format("15:04:05"))
		require.Len(t, list[0].NextRuns, 5)
		require.Equal(t, "00:00:20", list[1].NextRuns[0].Format("15:04:05"))
		require.Equal(t, triggers.StatusSucceeded, list[1].Last.Status)
		require.Nil(t, list[2].Last)
		require.Equal(t, triggers.OverlapSkip, list[0].Overlap)

		all, err := f.List(t.Context(), owner("one"), "one")
		require.NoError(t, err)
		require.Equal(t, []string{"tidy/a", "tidy/b", "tidy/c", "tidy2/a"}, names(all))
		require.Empty(t, f.set(t))
		pass(16 * time.Second)
		require.Equal(t, []string{"00:00:10", "00:00:30"}, f.due(t), "only the other function's is left")
	})
}

func TestSetAtTheDueTime(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("t", "5"))
		f.stop()
		pass(6 * time.Second)
		f.set(t, everySeconds("t", "5")) // a deployment between the due time and the firing
		f.run(t)
		pass(5 * time.Second)
		require.Equal(t, []string{"00:00:05", "00:00:10"}, f.due(t))
	})
}

func TestSetRefuses(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		before := f.set(t, everySeconds("kept", "20"))
		for names, bad := range map[string]triggers.Definition{
			`"bad"`:      {Name: "bad", Schedule: "* * *"},
			"week":       {Name: "bad", Schedule: "* * * * * FRO *"},
			"timeZone":   {Name: "bad", Schedule: "* * * * * * *", TimeZone: "Mars"},
			"type":       {Name: "bad", Type: "queue", Schedule: "* * * * * * *"},
			"overlap":    {Name: "bad", Overlap: "maybe", Schedule: "* * * * * * *"},
			"payload":    {Name: "bad", Payload: strings.Repeat("x", 5000), Schedule: "* * * * * * *"},
			"name":       {Name: "a/b", Schedule: "* * * * * * *"},
			"1 to 100":   {Name: strings.Repeat("x", 101), Schedule: "* * * * * * *"},
			"has a name": {Schedule: "* * * * * * *"},
			"two":        {Name: "fine", Schedule: "* * * * * * *"},
		} {
			_, err := f.Set(t.Context(), owner("one"), "one", "tidy", []triggers.Definition{everySeconds("fine", "10"), bad})
			require.Error(t, err, names)
			require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code())
			require.Contains(t, yunduo.AsError(err).Message, names)
			require.Contains(t, yunduo.AsError(err).Message, `"tidy"`)
		}
		_, err := f.Set(t.Context(), owner("one"), "one", "a/b", nil)
		reason(t, yunduo.ReasonInvalidRequest, err)
		after, err := f.List(t.Context(), owner("one"), "one")
		require.NoError(t, err)
		require.Equal(t, before, after, "a refused set changes nothing")
	})
}

func TestWarnings(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		list := f.set(t,
			triggers.Definition{Name: "five", Schedule: "0 3 * * *"},
			triggers.Definition{Name: "over", Schedule: "0 0 0 1 1 ? 1999"},
			triggers.Definition{Name: "seven", Schedule: "0 0 3 * * * *"})
		require.Contains(t, list[0].Warning, "five fields")
		require.Contains(t, list[1].Warning, "no time left")
		require.Empty(t, list[1].NextRuns)
		require.Empty(t, list[2].Warning)
		pass(time.Hour)
		require.Empty(t, f.due(t))
	})
}

func TestEnable(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("t", "10"))
		off, err := f.Enable(t.Context(), owner("one"), "one", "tidy", "t", false)
		require.NoError(t, err)
		require.False(t, off.Enabled)
		require.Empty(t, off.NextRuns)
		pass(25 * time.Second)
		f.set(t, everySeconds("t", "5")) // a deployment
		pass(20 * time.Second)
		require.Empty(t, f.due(t), "off means off, also after a deployment")
		on, err := f.Enable(t.Context(), owner("one"), "one", "tidy", "t", true)
		require.NoError(t, err)
		require.True(t, on.Enabled)
		pass(6 * time.Second)
		require.Equal(t, []string{"00:00:50"}, f.due(t), "nothing is made up for")
		_, err = f.Enable(t.Context(), owner("one"), "one", "tidy", "none", true)
		reason(t, yunduo.ReasonTriggerNotFound, err)
	})
}

func TestTenancy(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("t", "10"))
		_, err := f.Set(t.Context(), owner("two"), "two", "tidy", []triggers.Definition{everySeconds("t", "30")})
		require.NoError(t, err)
		for _, stranger := range []yunduo.Caller{
			{}, {App: "one"}, owner("two"), {App: "one", Role: yunduo.RoleUser, OpenID: "o"}, {App: "one", Role: yunduo.RoleFunction}, {App: "one", Role: yunduo.RoleTrigger},
		} {
			_, err := f.Set(t.Context(), stranger, "one", "tidy", nil)
			reason(t, yunduo.ReasonPermissionDenied, err)
			_, err = f.List(t.Context(), stranger, "one")
			reason(t, yunduo.ReasonPermissionDenied, err)
			_, err = f.RunNow(t.Context(), stranger, "one", "tidy", "t")
			reason(t, yunduo.ReasonPermissionDenied, err)
			_, err = f.Enable(t.Context(), stranger, "one", "tidy", "t", false)
			reason(t, yunduo.ReasonPermissionDenied, err)
			_, err = f.History(t.Context(), stranger, "one", "tidy", "t", 1)
			reason(t, yunduo.ReasonPermissionDenied, err)
			reason(t, yunduo.ReasonPermissionDenied, f.DropApp(t.Context(), stranger, "one"))
		}
		for _, manager := range []yunduo.Caller{owner("one"), owner(""), yunduo.System("one")} {
			list, err := f.List(t.Context(), manager, "one")
			require.NoError(t, err)
			require.Len(t, list, 1)
		}
		pass(31 * time.Second)
		require.NoError(t, f.DropApp(t.Context(), owner("one"), "one"))
		list, err := f.List(t.Context(), owner("one"), "one")
		require.NoError(t, err)
		require.Empty(t, list)
		history, err := f.History(t.Context(), owner("two"), "two", "tidy", "t", 10)
		require.NoError(t, err)
		require.Len(t, history, 1, "the other app keeps what it has")
		f.set(t, everySeconds("t", "10"))
		require.Empty(t, f.statuses(t, "t"), "the history went with the app")
	})
}

func TestAddAndRemove(t *testing.T) {
	bubble(t, triggers.Options{}, func(t *testing.T, f *fixture) {
		f.set(t, everySeconds("a", "20"), everySeconds("b", "10"))
		list, err := f.Add(t.Context(), owner("one"), "one", "tidy", []triggers.Definition{everySeconds("b", "30"), everySeconds("c", "40")})
		require.NoError(t, err)
		require.Equal(t, []string{"tidy/a", "tidy/b", "tidy/c"}, names(list))
		require.Equal(t, everySeconds("b", "30").Schedule, list[1].Schedule)
		require.Equal(t, everySeconds("a", "20").Schedule, list[0].Schedule)
		require.NoError(t, f.Remove(t.Context(), owner("one"), "one", "tidy", "a"))
		list, err = f.List(t.Context(), owner("one"), "one")
		require.NoError(t, err)
		require.Equal(t, []string{"tidy/b", "tidy/c"}, names(list))

		require.Equal(t, yunduo.ReasonTriggerNotFound, yunduo.ReasonOf(f.Remove(t.Context(), owner("one"), "one", "tidy", "a")))
		require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(f.Remove(t.Context(), owner("two"), "one", "tidy", "b")))
		_, err = f.Add(t.Context(), owner("two"), "one", "tidy", []triggers.Definition{everySeconds("d", "5")})
		require.Equal(t, yunduo.ReasonPermissionDenied, yunduo.ReasonOf(err))
	})
}

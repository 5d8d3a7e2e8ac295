package cron_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests are there on every machine

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/triggers/cron"
)

const form = "2006-01-02 15:04:05 -0700 Mon"

func parse(t testing.TB, line, zone string) *cron.Schedule {
	t.Helper()
	s, err := cron.Parse(line, zone)
	require.NoError(t, err, line)
	return s
}

// following returns the next n times after start, which is given in the zone of the schedule.
func following(t testing.TB, line, zone, start string, n int) (times []string) {
	t.Helper()
	s := parse(t, line, zone)
	location, err := time.LoadLocation(s.Zone())
	require.NoError(t, err)
	at, err := time.ParseInLocation("2006-01-02 15:04:05", start, location)
	require.NoError(t, err)
	for range n {
		next := s.Next(at)
		if next.IsZero() {
			return append(times, "never")
		}
		require.True(t, next.After(at))
		times = append(times, next.Format(form))
		at = next
	}
	return times
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		line, start string
		want        []string
	}{
		{"*/5 * * * * * *", "2026-05-04 10:00:00", []string{"2026-05-04 10:00:05 +0800 Mon", "2026-05-04 10:00:10 +0800 Mon"}},
		{"0 */5 * * * * *", "2026-05-04 10:59:59", []string{"2026-05-04 11:00:00 +0800 Mon", "2026-05-04 11:05:00 +0800 Mon"}},
		{"0 0/5 * * * ? *", "2026-05-04 10:57:00", []string{"2026-05-04 11:00:00 +0800 Mon", "2026-05-04 11:05:00 +0800 Mon"}},
		{"0 0 2 1 * * *", "2026-05-04 10:00:00", []string{"2026-06-01 02:00:00 +0800 Mon", "2026-07-01 02:00:00 +0800 Wed"}},
		{"0 15 10 * * MON-FRI *", "2026-05-08 10:15:00", []string{"2026-05-11 10:15:00 +0800 Mon", "2026-05-12 10:15:00 +0800 Tue"}},
		{"0 0 10,14,16 * * * *", "2026-05-04 10:00:00", []string{"2026-05-04 14:00:00 +0800 Mon", "2026-05-04 16:00:00 +0800 Mon", "2026-05-05 10:00:00 +0800 Tue"}},
		{"0 */30 9-17 * * * *", "2026-05-04 17:00:00", []string{"2026-05-04 17:30:00 +0800 Mon", "2026-05-05 09:00:00 +0800 Tue"}},
		{"0 0 12 * * WED *", "2026-05-04 10:00:00", []string{"2026-05-06 12:00:00 +0800 Wed", "2026-05-13 12:00:00 +0800 Wed"}},
		{"0 0 */7 * * * *", "2026-05-04 00:00:00", []string{"2026-05-04 07:00:00 +0800 Mon", "2026-05-04 14:00:00 +0800 Mon", "2026-05-04 21:00:00 +0800 Mon", "2026-05-05 00:00:00 +0800 Tue"}},
		{"0 0 0 1 JAN * *", "2026-05-04 00:00:00", []string{"2027-01-01 00:00:00 +0800 Fri"}},
		{"0 0 0 1 jan,Jul * *", "2026-05-04 00:00:00", []string{"2026-07-01 00:00:00 +0800 Wed", "2027-01-01 00:00:00 +0800 Fri"}},
		{"0 0 0 ? * 0 *", "2026-05-04 00:00:00", []string{"2026-05-10 00:00:00 +0800 Sun"}},
		{"0 0 0 ? * 7 *", "2026-05-04 00:00:00", []string{"2026-05-10 00:00:00 +0800 Sun"}},
		{"0 0 0 ? * SUN *", "2026-05-04 00:00:00", []string{"2026-05-10 00:00:00 +0800 Sun"}},
		{"0 0 0 ? * FRI-MON *", "2026-05-04 00:00:00", []string{"2026-05-08 00:00:00 +0800 Fri", "2026-05-09 00:00:00 +0800 Sat", "2026-05-10 00:00:00 +0800 Sun", "2026-05-11 00:00:00 +0800 Mon", "2026-05-15 00:00:00 +0800 Fri"}},
		{"0 0 0 ? * 5-7 *", "2026-05-04 00:00:00", []string{"2026-05-08 00:00:00 +0800 Fri", "2026-05-09 00:00:00 +0800 Sat", "2026-05-10 00:00:00 +0800 Sun", "2026-05-15 00:00:00 +0800 Fri"}},
		{"0 0 0 ? * 1/2 *", "2026-05-04 00:00:00", []string{"2026-05-06 00:00:00 +0800 Wed", "2026-05-08 00:00:00 +0800 Fri", "2026-05-11 00:00:00 +0800 Mon"}},
		{"0 0 0 13 * FRI *", "2026-05-04 00:00:00", []string{"2026-05-08 00:00:00 +0800 Fri", "2026-05-13 00:00:00 +0800 Wed", "2026-05-15 00:00:00 +0800 Fri"}},
		{"0 0 0 L * * *", "2026-01-15 00:00:00", []string{"2026-01-31 00:00:00 +0800 Sat", "2026-02-28 00:00:00 +0800 Sat", "2026-03-31 00:00:00 +0800 Tue"}},
		{"0 0 0 1,L 2,4 ? 2027-2028", "2026-01-15 00:00:00", []string{"2027-02-01 00:00:00 +0800 Mon", "2027-02-28 00:00:00 +0800 Sun", "2027-04-01 00:00:00 +0800 Thu", "2027-04-30 00:00:00 +0800 Fri", "2028-02-01 00:00:00 +0800 Tue", "2028-02-29 00:00:00 +0800 Tue"}},
		{"0 0 0 L * MON *", "2026-05-26 00:00:00", []string{"2026-05-31 00:00:00 +0800 Sun", "2026-06-01 00:00:00 +0800 Mon", "2026-06-08 00:00:00 +0800 Mon"}},
		{"0 0 0 29 2 * *", "2026-05-04 00:00:00", []string{"2028-02-29 00:00:00 +0800 Tue", "2032-02-29 00:00:00 +0800 Sun"}},
		{"0 0 0 29 2 * *", "2096-03-01 00:00:00", []string{"2104-02-29 00:00:00 +0800 Fri"}},
		{"0 0 0 30 2 * *", "2026-05-04 00:00:00", []string{"never"}},
		{"0 0 0 1 1 ? 2027", "2026-05-04 00:00:00", []string{"2027-01-01 00:00:00 +0800 Fri", "never"}},
		{"0 0 0 1 1 ? 2090,2099", "2026-05-04 00:00:00", []string{"2090-01-01 00:00:00 +0800 Sun", "2099-01-01 00:00:00 +0800 Thu", "never"}},
		{"0 0 0 1 1 ? 2020", "2026-05-04 00:00:00", []string{"never"}},
		{"0 0 0 1 1 ? 2026/3", "2026-05-04 00:00:00", []string{"2029-01-01 00:00:00 +0800 Mon", "2032-01-01 00:00:00 +0800 Thu"}},
		{"59 59 23 31 12 ? *", "2026-12-31 23:59:58", []string{"2026-12-31 23:59:59 +0800 Thu", "2027-12-31 23:59:59 +0800 Fri"}},
		{"  0 0  2\t* * * *   ", "2026-05-04 00:00:00", []string{"2026-05-04 02:00:00 +0800 Mon"}},
	} {
		require.Equal(t, c.want, following(t, c.line, "", c.start, len(c.want)), "%s after %s", c.line, c.start)
	}
}

func TestFewerFields(t *testing.T) {
	seven := parse(t, "0 30 8 * * MON *", "")
	require.Empty(t, seven.Warning())
	six := parse(t, "0 30 8 * * MON ", "")
	require.Contains(t, six.Warning(), "six fields")
	five := parse(t, "30 8 * * MON", "")
	require.Contains(t, five.Warning(), "five fields")
	require.Equal(t, "30 8 * * MON", five.String())
	at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	require.Equal(t, seven.Next(at), six.Next(at))
	require.Equal(t, seven.Next(at), five.Next(at))
}

func TestZones(t *testing.T) {
	at := time.Date(2026, 5, 4, 3, 2, 1, 500, time.UTC)
	for zone, want := range map[string]time.Time{
		"":                 time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC),
		"Asia/Shanghai":    time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC),
		"UTC":              time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC),
		"America/New_York": time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
		"Asia/Kathmandu":   time.Date(2026, 5, 5, 2, 15, 0, 0, time.UTC),
	} {
		s := parse(t, "0 0 8 * * * *", zone)
		require.True(t, want.Equal(s.Next(at)), "%s: %v", zone, s.Next(at))
		require.True(t, want.Equal(s.Next(at.In(time.FixedZone("elsewhere", -7200)))), "the zone of the argument does not matter")
	}
	require.Equal(t, cron.DefaultZone, parse(t, "0 0 8 * * * *", "").Zone())
}

func TestClocksChange(t *testing.T) {
	const (
		york   = "America/New_York" // 2026-03-08 02:00 -> 03:00, 2026-11-01 02:00 -> 01:00
		howe   = "Australia/Lord_Howe"
		cairo  = "Africa/Cairo"     // changes at midnight
		santia = "America/Santiago" // changes at midnight as well
	)
	for name, c := range map[string]struct {
		line, zone, start string
		want              []string
	}{
		"a time in the gap is due at its end":   {"0 30 2 * * * *", york, "2026-03-07 12:00:00", []string{"2026-03-08 03:00:00 -0400 Sun", "2026-03-09 02:30:00 -0400 Mon"}},
		"several times in the gap are due once": {"0 0/20 2 * * * *", york, "2026-03-08 01:00:00", []string{"2026-03-08 03:00:00 -0400 Sun", "2026-03-09 02:00:00 -0400 Mon"}},
		"a time that comes twice is due once":   {"0 30 1 * * * *", york, "2026-10-31 12:00:00", []string{"2026-11-01 01:30:00 -0400 Sun", "2026-11-02 01:30:00 -0500 Mon"}},
		"steady lines go on through the gap":    {"0 */30 * * * * *", york, "2026-03-08 01:00:00", []string{"2026-03-08 01:30:00 -0500 Sun", "2026-03-08 03:00:00 -0400 Sun", "2026-03-08 03:30:00 -0400 Sun"}},
		"steady lines go on in both hours":      {"0 */30 * * * * *", york, "2026-11-01 00:45:00", []string{"2026-11-01 01:00:00 -0400 Sun", "2026-11-01 01:30:00 -0400 Sun", "2026-11-01 01:00:00 -0500 Sun", "2026-11-01 01:30:00 -0500 Sun", "2026-11-01 02:00:00 -0500 Sun"}},
		"a line of every hour":                  {"0 10 0-23 * * * *", york, "2026-03-08 01:00:00", []string{"2026-03-08 01:10:00 -0500 Sun", "2026-03-08 03:10:00 -0400 Sun"}},
		"half an hour of change":                {"0 0 2 * * * *", howe, "2026-10-03 12:00:00", []string{"2026-10-04 02:30:00 +1100 Sun", "2026-10-05 02:00:00 +1100 Mon"}},
		"midnight does not exist":               {"0 0 0 * * * *", cairo, "2026-04-23 12:00:00", []string{"2026-04-24 01:00:00 +0300 Fri", "2026-04-25 00:00:00 +0300 Sat"}},
		"midnight comes twice":                  {"0 30 23 * * * *", santia, "2026-04-04 12:00:00", []string{"2026-04-04 23:30:00 -0300 Sat", "2026-04-05 23:30:00 -0400 Sun"}},
		"only on the day of the change":         {"0 30 2 8 3 ? 2026", york, "2026-03-01 00:00:00", []string{"2026-03-08 03:00:00 -0400 Sun", "never"}},
	} {
		require.Equal(t, c.want, following(t, c.line, c.zone, c.start, len(c.want)), name)
	}
	t.Run("from within the second of two hours", func(t *testing.T) {
		second := time.Date(2026, 11, 1, 6, 10, 0, 0, time.UTC) // 01:10 -0500
		require.Equal(t, "2026-11-02 01:30:00 -0500 Mon", parse(t, "0 30 1 * * * *", york).Next(second).Format(form))
		require.Equal(t, "2026-11-01 01:30:00 -0500 Sun", parse(t, "0 30 * * * * *", york).Next(second).Format(form))
	})
}

func TestRefused(t *testing.T) {
	for line, names := range map[string]string{
		"":                                 "0 fields",
		"* * * *":                          "4 fields",
		"* * * * * * * *":                  "8 fields",
		"60 * * * * * *":                   "second",
		"* 60 * * * * *":                   "minute",
		"* * 24 * * * *":                   "hour",
		"* * * 0 * * *":                    "day",
		"* * * 32 * * *":                   "day",
		"* * * LW * * *":                   "day",
		"* * * * 13 * *":                   "month",
		"* * * * FOO * *":                  "month",
		"* * * * * 8 *":                    "week",
		"* * * * * FRO *":                  "week",
		"* * * * * L *":                    "week",
		"* * * * * 5L *":                   "week",
		"* * * * * 1/0 *":                  "week",
		"* * * * * * 1969":                 "year",
		"* * * * * * 2100":                 "year",
		"* * * * * * 2030-2020":            "year",
		"* * * * * * MON":                  "year",
		"* * * * * * 2026/0":               "year",
		"*/0 * * * * * *":                  "second",
		"5-1 * * * * * *":                  "second",
		"-5 * * * * * *":                   "second",
		"*-5 * * * * * *":                  "second",
		"1,,2 * * * * * *":                 "second",
		", * * * * * *":                    "second",
		"1/2/3 * * * * * *":                "second",
		"1-2-3 * * * * * *":                "second",
		"MON * * * * * *":                  "second",
		"99999999999999999999 * * * * * *": "second",
		"@daily":                           "1 fields",
		"TZ=UTC 0 0 0 * * *":               "second",
		"１ * * * * * *":                    "second",
		strings.Repeat("1,", 300) + "1 * * * * * *": "characters",
	} {
		_, err := cron.Parse(line, "")
		require.Equal(t, yunduo.ReasonInvalidSchedule, yunduo.ReasonOf(err), line)
		require.Contains(t, yunduo.AsError(err).Message, names, line)
		require.Less(t, len(err.Error()), 400)
	}
	for _, zone := range []string{"Mars/Olympus", "Local", "../../etc/passwd", "Asia/Shanghai ", strings.Repeat("x", 5000)} {
		_, err := cron.Parse("* * * * * * *", zone)
		require.Equal(t, yunduo.ReasonInvalidSchedule, yunduo.ReasonOf(err), zone)
		require.Contains(t, yunduo.AsError(err).Message, "timeZone")
		require.Less(t, len(err.Error()), 400)
	}
}

// FuzzParse checks that no line breaks the parser or the search, and that what it computes matches the line again.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"*/5 * * * * * *", "0 0/5 * * * ? *", "0 0 0 L 2 FRI-MON 2026-2030/2", "0 0 0 30 2 * *", "30 8 * * MON", "TZ=UTC *", "0 0 0 29 FEB ? 2099", "@every 1s"} {
		f.Add(line, int64(1_777_777_777), "America/New_York")
	}
	f.Fuzz(func(t *testing.T, line string, unix int64, zone string) {
		s, err := cron.Parse(line, zone)
		if err != nil {
			require.Equal(t, yunduo.ReasonInvalidSchedule, yunduo.ReasonOf(err))
			return
		}
		again := parse(t, s.String(), s.Zone())
		at := time.Unix(unix%4_000_000_000, 0)
		for range 3 {
			next := s.Next(at)
			require.True(t, next.Equal(again.Next(at)))
			if next.IsZero() {
				return
			}
			require.True(t, next.After(at))
			require.Zero(t, next.Nanosecond())
			before := s.Next(next.Add(-time.Second))
			require.True(t, before.Equal(next), "%v is due, but not when asked a second before: %v", next, before)
			at = next
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, line := range []string{"*/5 * * * * * *", "0 0 2 * * MON-FRI *", "0 0 0 29 2 * *"} {
		s := parse(b, line, "")
		b.Run(line, func(b *testing.B) {
			at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
			for b.Loop() {
				at = s.Next(at)
				if at.Year() > 2090 {
					at = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
				}
			}
		})
	}
}

package pattern

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What takes too long is given up; what is large and quick is not, and finds the same.
func TestBounded(t *testing.T) {
	defer func(was time.Duration) { maxTime = was }(maxTime)
	maxTime = 50 * time.Millisecond
	slow := Bound(regexp.MustCompile(`(a?){1000}b`))
	text := strings.Repeat("a", 16<<20)
	require.PanicsWithValue(t, TooSlow{}, func() { slow.Match([]byte(text)) })
	require.PanicsWithValue(t, TooSlow{}, func() { slow.Find(text) })
	require.True(t, slow.Match([]byte(text[:1000]+"b")))
	require.PanicsWithValue(t, TooSlow{}, func() { Bound(regexp.MustCompile(`a.*b|a`)).FindAll(text) })

	maxTime = time.Hour
	words := Bound(regexp.MustCompile(`(` + strings.Repeat("quick|brown|", 30) + `fox)([0-9]+)`))
	end := strings.Repeat("é", 1<<14) + "fox12"
	require.False(t, words.cheap(1<<20))
	require.True(t, words.Match([]byte(end)))
	require.Equal(t, words.FindStringSubmatchIndex(end), words.FindReaderSubmatchIndex(newReader([]byte(end))))
	require.Equal(t, words.FindAllStringSubmatchIndex(end, -1), words.FindAll(end))
}

func TestRecover(t *testing.T) {
	fail := func(sentence string) error { return &time.ParseError{Message: sentence} }
	run := func(panics any) (err error) {
		defer Recover(&err, fail)
		panic(panics)
	}
	require.ErrorContains(t, run(TooSlow{}), "too long")
	require.PanicsWithValue(t, "another", func() { _ = run("another") })
}

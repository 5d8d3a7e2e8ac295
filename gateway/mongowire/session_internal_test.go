package mongowire

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSessions_EndWhenUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{SessionTimeout: 30 * time.Minute})
		defer s.Close()
		idle, err := s.sessions.get("user", "a")
		require.NoError(t, err)
		s.sessions.keep(idle, make([]byte, 100))
		time.Sleep(20 * time.Minute) // of the bubble
		used, err := s.sessions.get("user", "b")
		require.NoError(t, err)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		again, err := s.sessions.get("user", "b")
		require.NoError(t, err)
		require.Same(t, used, again)
		fresh, err := s.sessions.get("user", "a")
		require.NoError(t, err)
		require.NotSame(t, idle, fresh)
		require.Zero(t, s.sessions.kept.Load())
	})
}

func TestSessions_AreLimited(t *testing.T) {
	a := newSessions(time.Hour)
	for i := range maxSessions {
		_, err := a.get("user", string(rune(i)))
		require.NoError(t, err)
	}
	_, err := a.get("user", "one more")
	require.Equal(t, codeTooManySessions, asFailure(err).code)
	_, err = a.get("neighbour", "first")
	require.NoError(t, err)
	a.closeAll()
	_, err = a.get("user", "one more")
	require.NoError(t, err)
}

// A large reply is not kept; then a repetition is refused, but never done twice.
func TestSessions_LargeRepliesAreNotKept(t *testing.T) {
	a := newSessions(time.Hour)
	s, err := a.get("user", "a")
	require.NoError(t, err)
	a.keep(s, make([]byte, maxKept+1))
	require.True(t, s.lost)
	require.Zero(t, a.kept.Load())
	a.forget(s)
	a.keep(s, make([]byte, maxKept))
	require.False(t, s.lost)
	require.EqualValues(t, maxKept, a.kept.Load())
	a.forget(s)
	require.Zero(t, a.kept.Load())
}

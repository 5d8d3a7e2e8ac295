package native

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
)

func FuzzWatchMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"watch","id":"1","collection":"notes","filter":{"a":{"$gt":1}},"sort":{"a":-1},"limit":3,"resume":"AQ"}`,
		`{"type":"auth","token":"a.b.c"}`, `{"type":"unwatch","id":"1"}`, `{"type":"ping"}`, `[]`, `null`, `{"type":1}`, `{"id":""}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseWatchMessage(text)
		if err != nil {
			require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code())
			return
		}
		require.Contains(t, []string{"auth", "watch", "unwatch", "ping"}, m.Type)
		require.LessOrEqual(t, len(m.ID), maxWatchID)
	})
}

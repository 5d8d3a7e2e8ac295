package bundle_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 1 { // it is a compiler's process, not a test's
		dieInstead()
	}
	bundle.Init()
	os.Exit(m.Run())
}

// killsLeft names a folder: as many compilers are killed as there are files in it.
const killsLeft = "KILLED_COMPILERS"

func dieInstead() {
	dir := os.Getenv(killsLeft)
	left, err := os.ReadDir(dir)
	if dir == "" || err != nil || len(left) == 0 || os.Remove(filepath.Join(dir, left[0].Name())) != nil {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil && self.Kill() == nil {
		select {}
	}
}

func TestBuildApart_SameAsBuild(t *testing.T) {
	tests := map[string]map[string]string{
		"a function":     {"index.js": "exports.main = () => require('./a')", "a.js": "module.exports = 1"},
		"a syntax error": {"index.js": "exports.main = ("},
		"no entry":       {"a.js": ""},
		"a warning":      {"index.js": "exports.main = () => require('no-such-package-of-anyone')"},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir, b := folder(t, files), builder(t)
			want, wantErr := b.Build(t.Context(), dir, bundle.Options{})
			got, err := b.BuildApart(t.Context(), dir, bundle.Options{})
			require.Equal(t, want, got)
			require.Equal(t, yunduo.ReasonOf(wantErr), yunduo.ReasonOf(err))
			if wantErr != nil {
				require.Equal(t, yunduo.AsError(wantErr).Message, yunduo.AsError(err).Message)
			}
		})
	}
}

func TestBuildApart_HostileCodeFailsAlone(t *testing.T) {
	const deep = 3_000_000
	b := builder(t)
	for name, code := range map[string]string{
		"parentheses": strings.Repeat("(", deep), "negations": "x = " + strings.Repeat("!", deep) + "1", "arrows": strings.Repeat("a=>", deep) + "1", "arrays": "x = " + strings.Repeat("[", deep),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.BuildApart(t.Context(), folder(t, map[string]string{"index.js": code}), bundle.Options{})
			require.Contains(t, []yunduo.Reason{yunduo.ReasonInvalidBundle, yunduo.ReasonFunctionLoadFailed}, yunduo.ReasonOf(err), "%v", err)
		})
	}
	_, err := b.BuildApart(t.Context(), folder(t, map[string]string{"index.js": "exports.main = 1"}), bundle.Options{})
	require.NoError(t, err)
}

func TestBuildApart_Canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := builder(t).BuildApart(ctx, folder(t, map[string]string{"index.js": ""}), bundle.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

package bundle_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

func TestMain(m *testing.M) {
	bundle.Init()
	os.Exit(m.Run())
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

package functions_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/bundle"
)

func TestReport(t *testing.T) {
	h := start(t)
	h.deploy(t, "hello", returning("one"))
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "hello", Prepare: true, Source: source("index.js", "exports.main = () => require('./gone')")})
	require.NoError(t, err)

	r, err := h.Report(t.Context(), owner, app, "hello", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.Version)
	require.Empty(t, r.Missing)
	require.EqualValues(t, len(returning("one")), r.SourceBytes)
	require.Equal(t, r.Size, r.SourceBytes+r.CodeBytes)
	require.Empty(t, r.Audit.Unchecked, "no packages need no registry")
	r, err = h.Report(t.Context(), owner, app, "hello", 2)
	require.NoError(t, err)
	require.Equal(t, []bundle.Missing{{Name: "./gone", Files: []string{"index.js"}}}, r.Missing)

	_, err = h.Report(t.Context(), user, app, "hello", 0)
	refused(t, yunduo.ReasonPermissionDenied, err)
	_, err = h.Report(t.Context(), yunduo.Caller{App: "other", Role: yunduo.RoleOwner}, app, "hello", 0)
	refused(t, yunduo.ReasonPermissionDenied, err)
	_, err = h.Report(t.Context(), owner, app, "nobody", 0)
	refused(t, yunduo.ReasonFunctionNotFound, err)
	_, err = h.Report(t.Context(), owner, app, "hello", 3)
	refused(t, yunduo.ReasonVersionNotFound, err)

	require.NoError(t, h.Delete(t.Context(), owner, app, "hello"))
	_, err = h.Report(t.Context(), owner, app, "hello", 1)
	refused(t, yunduo.ReasonVersionNotFound, err)
}

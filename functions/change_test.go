package functions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/bundle"
)

func TestUpdate_ChangesWhatItNames(t *testing.T) {
	h := start(t)
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{
		Name: "greet", Source: source("index.js", "exports.main = () => process.env.WORD\nexports.other = () => 'other'"),
		Settings: functions.Settings{Env: map[string]string{"WORD": "hello"}, Timeout: time.Second},
	})
	require.NoError(t, err)
	handler := "index.other"
	v, err := h.Update(t.Context(), owner, app, "greet", functions.Change{Env: map[string]string{"WORD": "bye"}})
	require.NoError(t, err)
	require.Equal(t, time.Second, v.Settings.Timeout)
	require.Equal(t, `"bye"`, h.call(t, "greet"))
	_, err = h.Update(t.Context(), owner, app, "greet", functions.Change{Handler: &handler})
	require.NoError(t, err)
	require.Equal(t, `"other"`, h.call(t, "greet"))
	long := 2 * time.Second
	v, err = h.Update(t.Context(), owner, app, "greet", functions.Change{Timeout: &long, Files: []bundle.File{{Path: "index.js", Data: []byte("exports.other = () => process.env.WORD")}}})
	require.NoError(t, err)
	require.Equal(t, long, v.Timeout)
	require.Equal(t, `"bye"`, h.call(t, "greet"))

	_, err = h.Update(t.Context(), owner, app, "greet", functions.Change{Files: []bundle.File{{Path: "index.js", Data: []byte("exports.other = (")}}})
	refused(t, yunduo.ReasonFunctionLoadFailed, err)
	require.Equal(t, `"bye"`, h.call(t, "greet"), "what was live stays")
	_, err = h.Update(t.Context(), owner, app, "nobody", functions.Change{})
	refused(t, yunduo.ReasonFunctionNotFound, err)
	_, err = h.Update(t.Context(), user, app, "greet", functions.Change{})
	refused(t, yunduo.ReasonPermissionDenied, err)
}

func TestStage(t *testing.T) {
	h := start(t)
	put := func(caller yunduo.Caller, name string, part int, text string) error {
		return h.Stage(t.Context(), caller, app, name, part, strings.NewReader(text), int64(len(text)))
	}
	require.NoError(t, put(owner, "/a/../b.zip", 2, "world"))
	require.NoError(t, put(owner, "/a/../b.zip", 1, "hello "))
	archive, err := h.Staged(t.Context(), owner, app, "/a/../b.zip")
	require.NoError(t, err)
	require.Equal(t, "hello world", string(archive))

	other := yunduo.Caller{App: "others", Role: yunduo.RoleOwner}
	refused(t, yunduo.ReasonPermissionDenied, put(user, "x", 0, "x"))
	refused(t, yunduo.ReasonPermissionDenied, put(other, "x", 0, "x"))
	refused(t, yunduo.ReasonInvalidRequest, put(owner, "", 0, "x"))
	refused(t, yunduo.ReasonInvalidRequest, put(owner, "x", functions.MaxStagedParts+1, "x"))
	_, err = h.Staged(t.Context(), other, app, "/a/../b.zip")
	refused(t, yunduo.ReasonPermissionDenied, err)
	_, err = h.Staged(t.Context(), other, "others", "/a/../b.zip")
	refused(t, yunduo.ReasonInvalidBundle, err) // the app is part of the name

	require.NoError(t, h.Unstage(t.Context(), owner, app, "/a/../b.zip"))
	_, err = h.Staged(t.Context(), owner, app, "/a/../b.zip")
	refused(t, yunduo.ReasonInvalidBundle, err)
}

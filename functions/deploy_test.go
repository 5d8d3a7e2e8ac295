package functions_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions"
	"yunduo/functions/bundle"
)

func TestDeploy_VersionsAndRollback(t *testing.T) {
	h := start(t)
	first := h.deploy(t, "hello", returning("one"))
	require.EqualValues(t, 1, first.Number)
	require.True(t, first.Created)
	require.True(t, first.Live)
	require.Equal(t, functions.DefaultTimeout, first.Timeout)
	require.Equal(t, `"one"`, h.call(t, "hello"))
	require.EqualValues(t, 2, h.deploy(t, "hello", returning("two")).Number)
	require.Equal(t, `"two"`, h.call(t, "hello"))

	same := h.deploy(t, "hello", returning("two"))
	require.EqualValues(t, 2, same.Number)
	require.False(t, same.Created, "the same content is the same version")
	back := h.deploy(t, "hello", returning("one"))
	require.EqualValues(t, 1, back.Number, "content that was there before is the version of then")
	require.Equal(t, `"one"`, h.call(t, "hello"))

	v, err := h.Rollback(t.Context(), owner, app, "hello", 2)
	require.NoError(t, err)
	require.EqualValues(t, 2, v.Number)
	require.Equal(t, `"two"`, h.call(t, "hello"))
	v, err = h.Rollback(t.Context(), owner, app, "hello", 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, v.Number, "0 is the one before")
	_, err = h.Rollback(t.Context(), owner, app, "hello", 0)
	refused(t, yunduo.ReasonVersionNotFound, err, "no version before 1")
	_, err = h.Rollback(t.Context(), owner, app, "hello", 9)
	refused(t, yunduo.ReasonVersionNotFound, err, "no version 9")
	_, err = h.Rollback(t.Context(), owner, app, "nobody", 1)
	refused(t, yunduo.ReasonFunctionNotFound, err)

	list, err := h.Versions(t.Context(), owner, app, "hello")
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []bool{false, true}, []bool{list[0].Live, list[1].Live})

	settings := functions.Settings{Timeout: 5 * time.Second, Env: map[string]string{"GREETING.X": "hi"}}
	other, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "hello", Source: source("index.js", returning("one")), Settings: settings})
	require.NoError(t, err)
	require.EqualValues(t, 3, other.Number, "other settings are another version")
	require.Equal(t, settings, other.Settings)
	require.Equal(t, 5*time.Second, other.Timeout)
}

func TestDeploy_SurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir, functions.Options{})
	h.deploy(t, "hello", returning("one"))
	h.deploy(t, "hello", returning("two"))
	_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "reads", Source: source("index.js", "const fs = require('fs')\nexports.main = async () => fs.readFileSync(__dirname + '/words.txt', 'utf8')", "words.txt", "云"), Settings: functions.Settings{Env: map[string]string{"A": "1"}, Triggers: []functions.Trigger{{Name: "t", Schedule: "0 * * * * *"}}}})
	require.NoError(t, err)
	_, err = h.Rollback(t.Context(), owner, app, "hello", 1)
	require.NoError(t, err)
	before, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	h.close()

	// What a crash of the machine leaves of the cache must not be run.
	folders, err := filepath.Glob(filepath.Join(dir, "cache", "bundles", "*", "words.txt"))
	require.NoError(t, err)
	require.Len(t, folders, 1)
	require.NoError(t, os.Truncate(folders[0], 0))

	h = open(t, dir, functions.Options{})
	after, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Equal(t, `"one"`, h.call(t, "hello"))
	require.Equal(t, `"云"`, h.call(t, "reads"))
	require.EqualValues(t, 3, h.deploy(t, "hello", returning("three")).Number, "numbers are never used again")
}

func TestDeploy_BrokenRefused(t *testing.T) {
	h := start(t)
	h.deploy(t, "hello", returning("fine"))
	tests := map[string]struct {
		files   fstest.MapFS
		reason  yunduo.Reason
		message string
	}{
		"a syntax error":    {source("index.js", "exports.main = async () => { return 'open\n"), yunduo.ReasonFunctionLoadFailed, "index.js:1:42: Unterminated string literal"},
		"one that throws":   {source("index.js", "throw new Error('not today')"), yunduo.ReasonFunctionLoadFailed, "not today"},
		"a missing package": {source("index.js", "require('no-such-package-of-anyone')\nexports.main = () => 1"), yunduo.ReasonFunctionLoadFailed, "no-such-package-of-anyone"},
		"no handler":        {source("index.js", "exports.handler = () => 1"), yunduo.ReasonFunctionLoadFailed, "main"},
		"no entry":          {source("readme.txt", ""), yunduo.ReasonInvalidBundle, "index.js"},
		"nothing":           {source(), yunduo.ReasonInvalidBundle, "index.js"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "hello", Source: test.files})
			refused(t, test.reason, err, test.message)
			require.Equal(t, `"fine"`, h.call(t, "hello"), "what is live stays")
			_, err = h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "new", Source: test.files})
			refused(t, test.reason, err)
			_, err = h.Invoke(t.Context(), user, app, "new", nil, functions.InvokeOptions{})
			refused(t, yunduo.ReasonFunctionNotFound, err)
		})
	}
}

func TestDeploy_BrokenKeptWhileEditing(t *testing.T) {
	h := start(t)
	edit := func(files ...string) functions.Version {
		v, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "edited", Source: source(files...), KeepBroken: true})
		require.NoError(t, err)
		return v
	}
	edit("index.js", returning("first"))
	require.Equal(t, `"first"`, h.call(t, "edited"))
	broken := edit("index.js", "exports.main = async () => { return 'open\n")
	refused(t, yunduo.ReasonFunctionLoadFailed, broken.Failure, "index.js:1:42")
	_, err := h.Invoke(t.Context(), user, app, "edited", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionLoadFailed, err, "Unterminated string literal", "return 'open")
	list, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Error(t, list[0].Version.Failure)
	files, err := h.Source(t.Context(), owner, app, "edited", 0)
	require.NoError(t, err)
	require.Len(t, files, 1, "the broken text can be looked at")
	require.False(t, edit("index.js", "exports.main = async () => { return 'open\n").Created)

	v := edit("index.js", returning("mended"))
	require.Nil(t, v.Failure)
	require.Equal(t, `"mended"`, h.call(t, "edited"))
	edit("readme.txt", "all is gone")
	_, err = h.Invoke(t.Context(), user, app, "edited", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionLoadFailed, err, "no index.js")
	edit("index.js", "throw new Error('at load')\nexports.main = () => 1")
	_, err = h.Invoke(t.Context(), user, app, "edited", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionLoadFailed, err, "at load")
	edit("index.js", returning("mended"))
	require.Equal(t, `"mended"`, h.call(t, "edited"))
}

// A package that cannot become part of one script is found out by loading it, and the code runs from its folder.
func TestDeploy_LoadsFromFolderWhereScriptFails(t *testing.T) {
	h := start(t)
	files := source("index.js", "const p = require('p')\nexports.main = async () => p", "node_modules/p/index.js",
		// Looks for its own file in a way that no analysis sees.
		"if (!new Error().stack.includes('node_modules')) throw new Error('not in my folder')\nmodule.exports = 'at home'")
	v, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "picky", Source: files})
	require.NoError(t, err)
	if v.Mode == bundle.ModeUnbundled { // source maps may put the folder into the stack of a script
		require.Contains(t, strings.Join(v.Warnings, "\n"), "not in my folder")
	}
	require.Equal(t, `"at home"`, h.call(t, "picky"))
}

func TestDeploy_Forms(t *testing.T) {
	h := start(t)
	deploy := func(name string, r functions.DeployRequest) functions.Version {
		r.Name = name
		v, err := h.Deploy(t.Context(), owner, app, r)
		require.NoError(t, err)
		require.Equal(t, `"same"`, h.call(t, name))
		return v
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.js"), []byte(returning("same")), 0o644))
	builder, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: t.TempDir()})
	require.NoError(t, err)
	made, err := builder.Build(t.Context(), dir, bundle.Options{})
	require.NoError(t, err)
	hashes := map[string]bool{}
	for name, r := range map[string]functions.DeployRequest{
		"fs": {Source: source("index.js", returning("same"))}, "files": {Files: []bundle.File{{Path: "index.js", Data: []byte(returning("same"))}}},
		"folder": {Folder: dir}, "bundle": {Bundle: made},
	} {
		hashes[deploy(name, r).Hash] = true
	}
	require.Len(t, hashes, 1)
	deploy("handler", functions.DeployRequest{Source: source("src/app.js", "exports.run = async () => 'same'"), Settings: functions.Settings{Handler: "src/app.run"}})
	unbundled := deploy("unbundled", functions.DeployRequest{Source: source("index.js", returning("same")), Settings: functions.Settings{Unbundled: true}})
	require.Equal(t, bundle.ModeUnbundled, unbundled.Mode)
	_, err = h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "x", Files: []bundle.File{{Path: "../index.js"}}})
	refused(t, yunduo.ReasonInvalidBundle, err, "../index.js")
	_, err = h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "x", Files: []bundle.File{{Path: "index.js"}, {Path: "a"}, {Path: "a/b.js"}}})
	refused(t, yunduo.ReasonInvalidBundle, err, "two of them")
}

func TestDeploy_SettingsRefused(t *testing.T) {
	h := start(t)
	many := map[string]string{}
	for i := range 101 {
		many["A"+strings.Repeat("x", i)] = ""
	}
	for message, s := range map[string]functions.Settings{
		"timeout": {Timeout: -1}, "15m": {Timeout: time.Hour}, "concurrency": {Concurrency: -1}, "handler": {Handler: "main"}, "env: \"1A\"": {Env: map[string]string{"1A": ""}},
		"64 KiB": {Env: map[string]string{"A": strings.Repeat("x", 65<<10)}}, "more than 100": {Env: many}, "triggers[1]": {Triggers: []functions.Trigger{{Name: "a"}, {Name: "a"}}},
	} {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: "f", Source: source("index.js", returning("x")), Settings: s})
		refused(t, yunduo.ReasonInvalidConfig, err, message)
	}
	for _, name := range []string{"", "a/b", "..", "-a", "云", strings.Repeat("a", 65)} {
		_, err := h.Deploy(t.Context(), owner, app, functions.DeployRequest{Name: name, Source: source("index.js", returning("x"))})
		refused(t, yunduo.ReasonInvalidRequest, err, "name")
	}
}

func TestDeploy_OldVersionsGo(t *testing.T) {
	h := open(t, t.TempDir(), functions.Options{Limits: functions.Limits{KeepVersions: 2}})
	for _, text := range []string{"one", "two", "three", "four"} {
		h.deploy(t, "f", returning(text))
	}
	numbers := func() (list []int64) {
		versions, err := h.Versions(t.Context(), owner, app, "f")
		require.NoError(t, err)
		for _, v := range versions {
			list = append(list, v.Number)
		}
		return list
	}
	require.Equal(t, []int64{4, 3}, numbers())
	_, err := h.Rollback(t.Context(), owner, app, "f", 3)
	require.NoError(t, err)
	require.Equal(t, `"three"`, h.call(t, "f"))
	objects := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(h.dir, "objects"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(path, "notes") {
			objects++
		}
		return err
	}))
	require.LessOrEqual(t, objects, 2)
}

func TestDelete(t *testing.T) {
	h := start(t)
	h.deploy(t, "f", returning("one"))
	require.Equal(t, `"one"`, h.call(t, "f"))
	require.NoError(t, h.Delete(t.Context(), owner, app, "f"))
	_, err := h.Invoke(t.Context(), user, app, "f", nil, functions.InvokeOptions{})
	refused(t, yunduo.ReasonFunctionNotFound, err, `no function "f"`)
	refused(t, yunduo.ReasonFunctionNotFound, h.Delete(t.Context(), owner, app, "f"))
	require.EqualValues(t, 1, h.deploy(t, "f", returning("again")).Number)

	require.NoError(t, h.DropApp(t.Context(), yunduo.System(app), app))
	list, err := h.List(t.Context(), owner, app)
	require.NoError(t, err)
	require.Empty(t, list)
}

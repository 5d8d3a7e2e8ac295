package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

// operatorToken signs in to the console of a running project.
func (i devInfo) operatorToken(t *testing.T) string {
	t.Helper()
	_, token, _ := strings.Cut(i.ConsoleURL, "#token=")
	var session wire.OperatorTokens
	require.NoError(t, client.New(i.URL, "", "").Do(t.Context(), "POST", "/v1/manage/session", wire.OperatorLoginRequest{Token: token}, &session))
	return session.AccessToken
}

func (i devInfo) client() *client.Client { return client.New(i.URL, yunduo.AppID(i.App), i.APIKey) }

func count(t *testing.T, i devInfo, collection string) int64 {
	t.Helper()
	n, err := i.client().Count(t.Context(), collection, nil)
	require.NoError(t, err)
	return n
}

func insertMany(t *testing.T, i devInfo, collection string, n int) {
	t.Helper()
	docs := make([]json.RawMessage, n)
	for k := range docs {
		docs[k] = json.RawMessage(`{"text":"` + strings.Repeat("x", 500) + `"}`)
	}
	_, err := i.client().Insert(t.Context(), collection, docs...)
	require.NoError(t, err)
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, args...)
	require.NoError(t, err, out)
	return out
}

func TestBackup_OfARunningServerAndBack(t *testing.T) {
	dir, backups := newProject(t), filepath.Join(t.TempDir(), "backups")
	p, info := startDev(t, dir)
	require.NoError(t, info.client().CreateCollection(t.Context(), "notes"))
	for range 3 {
		insertMany(t, info, "notes", 1000)
	}
	online := []string{"backup", "--server", info.URL, "--token", info.operatorToken(t), "-o", backups}
	out := mustRun(t, append(online, "--verify")...)
	require.Contains(t, out, "the documents are consistent")

	// The owner of an app is not the operator of the server.
	_, err := run(t, "backup", "--server", info.URL, "--token", info.APIKey, "-o", filepath.Join(t.TempDir(), "b"))
	require.Error(t, err)
	_, err = run(t, "backup", "--data", filepath.Join(dir, ".yunduo"), "-o", backups)
	require.ErrorContains(t, err, "let it make the backup")
	_, err = run(t, "restore", backups, "--data", filepath.Join(dir, ".yunduo"), "--replace")
	require.ErrorContains(t, err, "stop it first")

	insertMany(t, info, "notes", 10)
	mustRun(t, online...)
	insertMany(t, info, "notes", 5)
	require.NoError(t, p.stop())
	mustRun(t, "backup", "--data", filepath.Join(dir, ".yunduo"), "-o", backups, "--verify")
	var list []listedBackup
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "backup", "list", backups, "--json")), &list))
	require.Len(t, list, 3)

	for i, want := range []int64{3000, 3010, 3015} {
		data := filepath.Join(t.TempDir(), "data")
		mustRun(t, "restore", backups, "--backup", list[i].Name, "--data", data)
		restored, back := startDev(t, dir, "--data", data)
		require.Equal(t, want, count(t, back, "notes"))
		n, err := client.New(back.URL, yunduo.AppID(back.App), info.APIKey).Count(t.Context(), "notes", nil)
		require.NoError(t, err, "keys are part of it")
		require.Equal(t, want, n)
		require.NoError(t, restored.stop())
		if i > 0 {
			continue
		}
		_, err = run(t, "restore", backups, "--data", data)
		require.ErrorContains(t, err, "--replace")
		out := mustRun(t, "restore", backups, "--data", data, "--replace")
		require.Contains(t, out, data+".before-")
		restored, back = startDev(t, dir, "--data", data)
		require.EqualValues(t, 3015, count(t, back, "notes"))
		require.NoError(t, restored.stop())
	}

	require.Contains(t, mustRun(t, "backup", "--data", filepath.Join(dir, ".yunduo"), "-o", backups, "--keep", "2", "--verify"), "Removed 2 older backups")
	require.NoError(t, json.Unmarshal([]byte(mustRun(t, "backup", "list", backups, "--json")), &list))
	require.Len(t, list, 2)
	data := filepath.Join(t.TempDir(), "data")
	mustRun(t, "restore", backups, "--data", data)

	_, err = run(t, "restore", backups, "--data", filepath.Join(t.TempDir(), "d"), "--at", "1000h")
	require.ErrorContains(t, err, "younger")
	_, err = run(t, "restore", t.TempDir(), "--data", data)
	require.ErrorContains(t, err, "is no backup folder")
	_, err = run(t, "restore", backups)
	require.ErrorContains(t, err, "--data")
}

// later waits until the clock of the change log, which counts milliseconds, has moved on, and returns a moment between
// what happened and what will.
func (i devInfo) later(t *testing.T) time.Time {
	t.Helper()
	from := time.Now().Truncate(time.Millisecond)
	for time.Since(from) < 3*time.Millisecond {
		count(t, i, "notes")
	}
	return from.Add(2 * time.Millisecond)
}

func TestRestore_AnAppFromItsLogAndFromABackup(t *testing.T) {
	dir, backups := newProject(t), filepath.Join(t.TempDir(), "backups")
	_, info := startDev(t, dir)
	require.NoError(t, info.client().CreateCollection(t.Context(), "notes"))
	require.NoError(t, info.client().CreateIndex(t.Context(), "notes", wire.Index{Name: "n", Fields: []wire.IndexField{{Path: "n"}}}))
	require.NoError(t, info.client().Do(t.Context(), "PUT", "/v1/manage/apps/"+info.App+"/collections/notes/rules", wire.RulesRequest{Rules: "readonly"}, nil))
	insertMany(t, info, "notes", 100)
	then := info.later(t)
	insertMany(t, info, "notes", 100)
	mustRun(t, "backup", "--server", info.URL, "--token", info.operatorToken(t), "-o", backups)
	insertMany(t, info, "notes", 100)
	require.NoError(t, info.client().Do(t.Context(), "PUT", "/v1/manage/apps/"+info.App+"/collections/notes/rules", wire.RulesRequest{Rules: "private"}, nil))

	args := []string{"restore", "--at", then.UTC().Format(time.RFC3339Nano), "--server", info.URL, "--app", info.App, "--key", info.APIKey}
	_, err := run(t, args...)
	require.ErrorContains(t, err, "--confirm "+info.App)
	_, err = run(t, append(args, "--confirm", "other")...)
	require.Error(t, err)
	require.EqualValues(t, 300, count(t, info, "notes"))

	for _, args := range [][]string{append(args, "--confirm", info.App), append([]string{"restore", backups, "--confirm", info.App}, args[1:]...)} {
		out := mustRun(t, args...)
		require.Contains(t, out, "App "+info.App)
		require.EqualValues(t, 100, count(t, info, "notes"))
		indexes, err := info.client().Indexes(t.Context(), "notes")
		require.NoError(t, err)
		require.Len(t, indexes, 1)
		var rules wire.RulesResponse
		require.NoError(t, info.client().Do(t.Context(), "GET", "/v1/manage/apps/"+info.App+"/collections/notes/rules", nil, &rules))
		require.Equal(t, "readonly", rules.Rules)
		trash, err := info.client().Trash(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, trash)
		insertMany(t, info, "notes", 50)
	}
	_, err = run(t, "restore", backups, "--at", time.Now().Format(time.RFC3339Nano), "--server", info.URL, "--app", info.App, "--key", info.APIKey, "--confirm", info.App)
	require.ErrorContains(t, err, "No backup")
	entries, err := os.ReadDir(backups)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing but pool and manifests is left")
}

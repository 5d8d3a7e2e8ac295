package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents/driver"
	"yunduo/data/interchange"
	"yunduo/wire"
)

// db runs a "db" verb against the running project.
func (i devInfo) db(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return run(t, append(append([]string{"db"}, args...), "--server", i.URL, "--app", i.App, "--key", i.APIKey)...)
}

func (i devInfo) mustDB(t *testing.T, args ...string) string {
	t.Helper()
	out, err := i.db(t, args...)
	require.NoError(t, err, out)
	return out
}

func TestDB_ImportsAndExports(t *testing.T) {
	_, info := startDev(t, newProject(t))
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write(t, file("people.json"), "{\"_id\":\"a\",\"n\":1,\"at\":{\"$date\":\"2018-08-31T17:30:00.882Z\"}}\n{broken\n{\"name\":\"no id\"}\n")
	out, err := info.db(t, "import", file("people.json"), "--report", file("rejected.jsonl"))
	require.ErrorContains(t, err, "1 documents were rejected")
	require.Contains(t, out, "people: 2 inserted, 0 updated, 0 unchanged, 1 rejected")
	require.Contains(t, out, "line 2:")
	rejected, err := os.ReadFile(file("rejected.jsonl"))
	require.NoError(t, err)
	var rejection wire.Rejection
	require.NoError(t, json.Unmarshal(rejected, &rejection))
	require.Equal(t, "malformed_json", rejection.Reason)
	require.EqualValues(t, 2, rejection.Line)

	out, err = info.db(t, "import", file("people.json"))
	require.Error(t, err)
	require.Contains(t, out, "people: 0 inserted, 0 updated, 2 unchanged, 1 rejected", "a second time adds nothing")

	write(t, file("more.csv"), "_id,n,address.city\na,2,北京\nb,3,\n")
	require.Contains(t, info.mustDB(t, "import", file("more.csv"), "--collection", "people", "--mode", "upsert"), "1 inserted, 1 updated")
	require.Contains(t, info.mustDB(t, "query", "people", `{"address.city":"北京"}`), `"n":2`)

	for _, name := range []string{"out.jsonl", "out.json", "out.csv", "out.bson.gz"} {
		info.mustDB(t, "export", "people", "-o", file(name))
		require.Contains(t, info.mustDB(t, "import", file(name), "--collection", "people"), "0 inserted, 0 updated, 3 unchanged", name)
	}
	text, err := os.ReadFile(file("out.csv"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "_id,n,at,address.city,name\n"), "%s", text)
	require.Equal(t, "{\"_id\":\"b\",\"n\":3}\n", info.mustDB(t, "export", "people", "--filter", `{"_id":"b"}`))
	_, err = info.db(t, "export", "people", "-o", file("none.csv"), "--fields", "a..b")
	require.Error(t, err)
	require.NoFileExists(t, file("none.csv"))

	info.mustDB(t, "index", "create", "people", "n", "--unique", "--sparse")
	require.Contains(t, info.mustDB(t, "index", "list", "people"), "n_1")
	info.mustDB(t, "index", "create", "people", "where:2dsphere", "n", "--name", "where", "--partial", `{"n":{"$gt":1}}`)
	require.Contains(t, info.mustDB(t, "index", "list", "people"), `partial {"n":{"$gt":1}}`)
	info.mustDB(t, "index", "create", "people", "n,-name", "city")
	require.Contains(t, info.mustDB(t, "index", "list", "people"), "n,-name,city")
	_, err = info.db(t, "index", "create", "people", "n,,name")
	require.ErrorContains(t, err, "fields[1].path")
	info.mustDB(t, "index", "drop", "people", "n_1_name_-1_city_1")
	info.mustDB(t, "index", "drop", "people", "where")
	info.mustDB(t, "export", "-o", file("app.archive"))
	info.mustDB(t, "index", "drop", "people", "n_1")
	require.Contains(t, info.mustDB(t, "import", file("app.archive")), "1 indexes are in use")
	require.Contains(t, info.mustDB(t, "index", "list", "people", "--json"), `"unique": true`)
	_, err = info.db(t, "import", file("app.archive"), "--collection", "people")
	require.ErrorContains(t, err, "archive")
	_, err = info.db(t, "import", file("rejected.txt"))
	require.Error(t, err)
	write(t, file("half.bson"), "\x20\x00\x00\x00\x02")
	_, err = info.db(t, "import", file("half.bson"))
	require.ErrorContains(t, err, "ended early: document 1")
}

// A folder of mongodump comes in with its indexes.
func TestDB_ImportsADump(t *testing.T) {
	_, info := startDev(t, newProject(t))
	dir := t.TempDir()
	doc, err := bson.Marshal(bson.D{{Key: "_id", Value: bson.NewObjectID()}, {Key: "n", Value: int64(5)}})
	require.NoError(t, err)
	index := driver.Index{Name: "n", Fields: []driver.IndexField{{Path: "n", Descending: true}}}
	write(t, filepath.Join(dir, "shop", "orders.bson"), string(doc)+string(doc[:len(doc)-1])+"\x00")
	write(t, filepath.Join(dir, "shop", "orders.metadata.json"), string(interchange.Metadata(interchange.Collection{Name: "orders", Indexes: []driver.Index{index}})))
	write(t, filepath.Join(dir, "shop", "a%2Eb.bson"), string(doc))
	write(t, filepath.Join(dir, "admin", "system.version.bson"), string(doc))
	out, err := info.db(t, "import", dir, "--mode", "replace")
	require.NoError(t, err, out)
	require.Contains(t, out, "orders: 1 inserted, 0 updated, 1 unchanged")
	require.Contains(t, out, "a.b: 1 inserted")
	require.Contains(t, info.mustDB(t, "index", "list", "orders"), "-n")
	require.Contains(t, info.mustDB(t, "collections"), "a.b")
	_, err = info.db(t, "import", dir, "--collection", "x")
	require.Error(t, err)
}

func TestDB_LooksBackAndGoesBack(t *testing.T) {
	_, info := startDev(t, newProject(t))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.jsonl"), "{\"_id\":\"a\",\"v\":1}\n{\"_id\":\"b\",\"v\":1}\n")
	info.mustDB(t, "import", filepath.Join(dir, "notes.jsonl"))
	var versions []wire.DocumentVersion
	require.NoError(t, json.Unmarshal([]byte(info.mustDB(t, "history", "notes", "--json")), &versions))
	require.Len(t, versions, 2)
	write(t, filepath.Join(dir, "notes.jsonl"), "{\"_id\":\"a\",\"v\":2}\n{\"_id\":\"c\",\"v\":1}\n")
	info.mustDB(t, "import", filepath.Join(dir, "notes.jsonl"), "--mode", "upsert")
	require.Contains(t, info.mustDB(t, "history", "notes", "a"), "update")
	position := versions[0].Position
	at := []string{"--position", strconv.FormatInt(int64(position), 10)}
	require.Contains(t, info.mustDB(t, append([]string{"restore", "notes", "--dry-run"}, at...)...), "Would bring back 0, change 1 and remove 1 documents")
	require.Contains(t, info.mustDB(t, append([]string{"restore", "notes", "a"}, at...)...), "~ \"a\" v")
	require.Contains(t, info.mustDB(t, append([]string{"restore", "notes"}, at...)...), "Brought back 0, changed 0 and removed 1 documents")
	require.Contains(t, info.mustDB(t, append([]string{"restore", "notes"}, at...)...), "Nothing has changed since then.")
	require.Equal(t, "{\"_id\":\"a\",\"v\":1}\n{\"_id\":\"b\",\"v\":1}\n", info.mustDB(t, "query", "notes"))
	_, err := info.db(t, "restore", "notes", "--at", "long ago")
	require.ErrorContains(t, err, "is not a time")

	require.Contains(t, info.mustDB(t, "trash", "list"), "Nothing here yet.")
	_, err = info.db(t, "trash", "restore", "77")
	require.Error(t, err)
}

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

const bystanderApp = yunduo.AppID("bystander")

// Whoever is not the app's owner is refused every way into the past; each refusal has a twin by the owner.
func TestRecovery_IsTheOwnersAlone(t *testing.T) {
	w, other := shared.open(t), shared.open(t)
	w.user(t, "li")
	w.tokens["stranger"] = other.keys.APIKey
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "li", "notes", `{"_id":"n1","text":"first"}`)
	manage := "/v1/manage/apps/{app}"
	notes := manage + "/collections/notes"
	var dropped wire.TrashResponse
	require.NoError(t, w.owner().CreateCollection(t.Context(), "old"))
	require.NoError(t, w.owner().Do(t.Context(), "DELETE", w.filled(manage+"/collections/old"), nil, nil))
	require.NoError(t, w.owner().Do(t.Context(), "GET", w.filled(manage+"/trash"), nil, &dropped))
	require.Len(t, dropped.Collections, 1)
	w.fill["trash"] = dropped.Collections[0].ID
	for _, e := range []exchange{
		{name: "history", path: notes + "/history", body: `{"id":"n1"}`, want: []string{`"kind":"insert"`, `"actor":"user:`, `"text":"first"`, `"since":`}},
		{name: "restore", path: notes + "/restore", body: `{"position":1,"dryRun":true}`, want: []string{`"documents":[]`}},
		{name: "trash", method: "GET", path: manage + "/trash", want: []string{`"name":"old"`}},
		{name: "undrop", path: manage + "/trash/{trash}/restore", body: `{"name":"older"}`, want: []string{`{}`}},
		{name: "purge", method: "DELETE", path: manage + "/trash/{trash}"},
		{name: "app", path: manage + "/restore", body: `{"at":"2020-01-01T00:00:00Z","confirm":"{app}"}`, want: []string{`"state":`, `"at":"2020-01-01T00:00:00Z"`}}, // it may be over already
		{name: "status", method: "GET", path: manage + "/restore", want: []string{`"state":`}},
	} {
		t.Run(e.name, func(t *testing.T) {
			refused := e
			refused.want, refused.forbid = nil, []string{"first"}
			refused.as, refused.status, refused.reason = "", 401, yunduo.ReasonTokenMissing
			w.check(t, refused)
			refused.as, refused.status, refused.reason = "li", 403, yunduo.ReasonPermissionDenied
			w.check(t, refused)
			refused.as, refused.status, refused.reason = "stranger", 401, yunduo.ReasonTokenInvalid
			w.check(t, refused)
			if e.name == "purge" { // it came back a moment ago
				e.status, e.reason = 404, yunduo.ReasonCollectionNotFound
			}
			e.as = "owner"
			w.check(t, e)
		})
	}
	archive := w.send(t, exchange{path: manage + "/export", as: "owner", body: `{}`}).body
	restore := exchange{path: manage + "/restoreArchive?confirm={app}", body: archive}
	for as, reason := range map[string]yunduo.Reason{"": yunduo.ReasonTokenMissing, "li": yunduo.ReasonPermissionDenied, "stranger": yunduo.ReasonTokenInvalid, "owner": ""} {
		e := restore
		e.as, e.reason, e.status = as, reason, map[yunduo.Reason]int{yunduo.ReasonPermissionDenied: 403, "": 200}[reason]
		if e.status == 0 {
			e.status = 401
		}
		w.check(t, e)
	}
	backup := exchange{path: "/v1/manage/backup", as: "operator", want: []string{"manifest.jsonl", "secret.key"}}
	w.check(t, backup)
	for as, reason := range map[string]yunduo.Reason{"": yunduo.ReasonTokenMissing, "li": yunduo.ReasonPermissionDenied, "owner": yunduo.ReasonPermissionDenied} {
		e := backup
		e.as, e.reason, e.status, e.want = as, reason, 403, nil
		if as == "" {
			e.status = 401
		}
		w.check(t, e)
	}
	w.run(t, []exchange{
		{name: "archive without confirm", path: manage + "/restoreArchive", as: "owner", body: archive, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "no archive", path: manage + "/restoreArchive?confirm={app}", as: "owner", body: "x", status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "half an archive", path: manage + "/restoreArchive?confirm={app}", as: "owner", body: archive[:len(archive)-9], status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "all is still there", path: notes + "/history", as: "owner", body: `{"limit":1}`, want: []string{`"versions":[`}},
		{name: "bad manifest", path: "/v1/manage/backup", as: "operator", body: "{}", status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "confirm", path: manage + "/restore", as: "owner", body: `{"at":"2020-01-01T00:00:00Z","confirm":"yes"}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "when", path: manage + "/restore", as: "owner", body: `{"confirm":"{app}"}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "into another app", path: manage + "/restore", as: "owner", body: `{"at":"2020-01-01T00:00:00Z","into":"` + string(other.app) + `","confirm":"` + string(other.app) + `"}`, status: 403, reason: yunduo.ReasonPermissionDenied},
		{name: "into no app", path: manage + "/restore", as: "operator", body: `{"at":"2020-01-01T00:00:00Z","into":"nobody-1","confirm":"nobody-1"}`, status: 404, reason: yunduo.ReasonAppNotFound},
		{name: "negative position", path: notes + "/restore", as: "owner", body: `{"position":-1}`, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "negative page", path: notes + "/history", as: "owner", body: `{"before":-1}`, status: 400, reason: yunduo.ReasonInvalidRequest},
	})
}

// A function's writes are in the history under its name, with whom it served.
func TestHistory_NamesTheFunction(t *testing.T) {
	w := shared.open(t)
	li := w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.deployMain(t, "write", "return cloud.database().collection('notes').add({data: {_id: 'n1', text: 'by a function'}})")
	_, err := w.as(t, "li").Invoke(t.Context(), "write", nil)
	require.NoError(t, err)
	var page wire.HistoryResponse
	require.NoError(t, w.owner().Do(t.Context(), "POST", w.filled("/v1/manage/apps/{app}/collections/notes/history"), wire.HistoryRequest{}, &page))
	require.Len(t, page.Versions, 1)
	require.Equal(t, "function:write for user:"+li.User.ID, page.Versions[0].Actor)
}

// restored waits until the restore of the child's app has ended, or calls midway once when it has copied some documents.
func (c *child) restored(t *testing.T, some int64, midway func()) wire.RestoreAppStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var status wire.RestoreAppStatus
		require.NoError(t, c.client.Do(ctx, "GET", "/v1/manage/apps/"+string(killApp)+"/restore", nil, &status))
		if status.State != "running" {
			return status
		}
		if midway != nil && status.Documents >= some {
			midway()
			return status
		}
	}
}

func (c *child) restore(t *testing.T, at time.Time) {
	t.Helper()
	request := wire.RestoreAppRequest{At: &at, Confirm: string(killApp)}
	require.NoError(t, c.client.Do(t.Context(), "POST", "/v1/manage/apps/"+string(killApp)+"/restore", request, nil))
}

// One app of a shared server goes back to a moment while another keeps writing. A server that is killed in the midst of
// it has what it had; the other app loses nothing, and the restore can be begun again.
func TestRestore_OfOneAppWhileAnotherWrites(t *testing.T) {
	const documents = 6000
	dir := t.TempDir()
	c := startChild(t, dir)
	require.NoError(t, c.client.CreateCollection(t.Context(), "items"))
	require.NoError(t, c.bystander.CreateCollection(t.Context(), "counters"))
	for n := 0; n < documents; n += 1000 {
		batch := make([]json.RawMessage, 1000)
		for i := range batch {
			batch[i] = json.RawMessage(fmt.Sprintf(`{"_id":"i%d","n":%d}`, n+i, n+i))
		}
		_, err := c.client.Insert(t.Context(), "items", batch...)
		require.NoError(t, err)
	}
	var last wire.HistoryResponse
	require.NoError(t, c.client.Do(t.Context(), "POST", "/v1/manage/apps/"+string(killApp)+"/collections/items/history", wire.HistoryRequest{Limit: 1}, &last))
	then := last.Versions[0].Time
	for !time.Now().After(then.Add(time.Millisecond)) { // what follows happens in another millisecond
		require.NoError(t, c.client.Do(t.Context(), "GET", "/v1/manage/apps/"+string(killApp)+"/collections", nil, nil))
	}
	reply, err := c.client.Update(t.Context(), "items", wire.UpdateRequest{Filter: json.RawMessage(`{"n":{"$mod":[2,0]}}`), Update: json.RawMessage(`{"$set":{"n":-1}}`), Multi: true})
	require.NoError(t, err)
	require.EqualValues(t, documents/2, reply.Modified)
	removed, err := c.client.Delete(t.Context(), "items", wire.DeleteRequest{Filter: json.RawMessage(`{"n":{"$gt":5000}}`), Multi: true})
	require.NoError(t, err)
	require.NoError(t, c.client.CreateCollection(t.Context(), "later"))

	var acknowledged atomic.Int64
	write := func(c *child) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				update := wire.UpdateRequest{Filter: json.RawMessage(`{"_id":"c"}`), Update: json.RawMessage(`{"$inc":{"n":1}}`), Upsert: true}
				if _, err := c.bystander.Update(ctx, "counters", update); err == nil {
					acknowledged.Add(1)
				}
			}
		}()
		return func() { cancel(); <-done }
	}
	damaged := func(c *child) {
		n, err := c.client.Count(t.Context(), "items", json.RawMessage(`{"n":-1}`))
		require.NoError(t, err)
		require.EqualValues(t, documents/2, n)
		n, err = c.client.Count(t.Context(), "items", nil)
		require.NoError(t, err)
		require.EqualValues(t, documents-removed, n)
	}
	kills := 0
	for round := range int64(4) {
		stop := write(c)
		c.restore(t, then)
		status := c.restored(t, round*1000, func() { c.kill(t) })
		stop()
		if status.State != "running" {
			break // it was faster than the question
		}
		kills++
		c = startChild(t, dir)
		damaged(c)
	}
	require.Positive(t, kills)
	before := acknowledged.Load()
	stop := write(c)
	c.restore(t, then)
	require.Equal(t, "done", c.restored(t, 0, nil).State)
	for range 20 + rand.IntN(20) { // it goes on
		require.NoError(t, c.bystander.Do(t.Context(), "GET", "/v1/manage/apps/"+string(bystanderApp)+"/collections", nil, nil))
	}
	stop()
	require.Greater(t, acknowledged.Load(), before)

	for range 2 {
		for _, filter := range []string{`{}`, `{"n":{"$gte":0}}`} {
			n, err := c.client.Count(t.Context(), "items", json.RawMessage(filter))
			require.NoError(t, err)
			require.EqualValues(t, documents, n)
		}
		var collections wire.CollectionsResponse
		require.NoError(t, c.client.Do(t.Context(), "GET", "/v1/manage/apps/"+string(killApp)+"/collections", nil, &collections))
		require.Len(t, collections.Collections, 1)
		found, err := c.bystander.Find(t.Context(), "counters", wire.FindRequest{})
		require.NoError(t, err)
		require.Len(t, found, 1)
		var counter struct{ N int64 }
		require.NoError(t, json.Unmarshal(found[0], &counter))
		require.GreaterOrEqual(t, counter.N, acknowledged.Load())
		c.kill(t)
		c = startChild(t, dir)
	}
	c.kill(t)
	t.Logf("killed %d times; the other app had %d writes acknowledged", kills, acknowledged.Load())
}

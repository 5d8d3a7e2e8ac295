package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo/wire"
)

// follower is what js-sdk makes of the events of a watch: it applies them in order and asks again for what follows the
// last one it has.
type follower struct {
	*realtime
	last uint64
	docs map[string]string
}

// take applies events as the client does, which drops what it has and cannot go on over a gap.
func (f *follower) take(m realtimeMessage) {
	f.t.Helper()
	require.NotEqual(f.t, "ERROR", m.MsgType, "%+v", m.MsgData)
	for _, e := range m.MsgData.Events {
		if e.QueueType == "init" {
			if e.ID != f.last {
				require.Equal(f.t, f.last+1, e.ID)
				f.last, f.docs = e.ID, map[string]string{}
			}
			f.docs[e.DocID] = e.Doc
			continue
		}
		if e.ID != f.last {
			require.Equal(f.t, f.last+1, e.ID, "%+v", e)
		}
		f.last = e.ID
		switch e.QueueType {
		case "dequeue":
			require.Contains(f.t, f.docs, e.DocID)
			delete(f.docs, e.DocID)
		case "enqueue":
			require.NotContains(f.t, f.docs, e.DocID)
			require.NotEmpty(f.t, e.Doc)
			f.docs[e.DocID] = e.Doc
		default:
			require.Contains(f.t, f.docs, e.DocID)
			f.docs[e.DocID] = e.Doc
		}
	}
	require.Equal(f.t, f.last, m.MsgData.CurrEvent)
}

// A window that documents enter, leave and move in, over connections that break and a server that starts again: every
// event once, in order, and in the end what a query returns. What was sent but did not arrive comes again.
func TestRealtime_WindowThroughCutsAndRestarts(t *testing.T) {
	config := devConfig(t.TempDir())
	p, err := startPlatform(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	w := p.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	for i := range 8 {
		w.insert(t, "li", "notes", fmt.Sprintf(`{"_id":"d%d","n":%d,"on":true}`, i, i))
	}
	window := map[string]any{"collName": "notes", "query": `{"on":true}`, "limit": 3, "orderBy": map[string]string{"n": "desc"}}
	f := &follower{realtime: p.realtime(t), docs: map[string]string{}}
	f.login(w.ticket(t, "li"))
	first := f.say("INIT_WATCH", "w", window, nil)
	f.queryID, f.last = first.MsgData.QueryID, first.MsgData.CurrEvent-1
	f.take(first)
	wanted := func() []string {
		documents, err := w.owner().Find(t.Context(), "notes", wire.FindRequest{Filter: json.RawMessage(`{"on":true}`), Sort: json.RawMessage(`{"n":-1}`), Limit: 3})
		require.NoError(t, err)
		list := make([]string, len(documents))
		for i, d := range documents {
			list[i] = string(d)
		}
		return list
	}
	agrees := func(list []string) bool {
		if len(list) != len(f.docs) {
			return false
		}
		for _, text := range list {
			found := false
			for _, have := range f.docs {
				found = found || have == text
			}
			if !found {
				return false
			}
		}
		return true
	}
	again := func() {
		next := p.realtime(t)
		next.login(w.ticket(t, "li"))
		next.queryID = f.queryID
		f.realtime = next
		f.take(f.rebuild(f.last))
	}
	random := rand.New(rand.NewPCG(7, 11))
	for round := range 40 {
		id := fmt.Sprintf(`{"_id":"d%d"}`, random.IntN(8))
		switch random.IntN(5) {
		case 0:
			w.update(t, "notes", id, `{"$set":{"on":false}}`)
		case 1:
			w.update(t, "notes", id, `{"$set":{"on":true}}`)
		default:
			w.update(t, "notes", id, fmt.Sprintf(`{"$set":{"n":%d}}`, 100+round))
		}
		switch {
		case round == 20: // the server starts again and knows nothing of the watch
			require.NoError(t, f.conn.CloseNow())
			require.NoError(t, p.stop())
			config.Listen = "127.0.0.1:0"
			p, err = startPlatform(config)
			require.NoError(t, err)
			w.platform = p
			again()
		case round%3 == 0: // whatever was on its way is lost
			require.NoError(t, f.conn.CloseNow())
			again()
		}
	}
	for list := wanted(); !agrees(list); {
		f.take(f.hear())
	}
	check := f.say("CHECK_LAST", "w", map[string]any{"queryID": f.queryID, "eventID": f.last}, nil)
	require.Equal(t, f.last, check.MsgData.CurrEvent)
	behind := f.say("CHECK_LAST", "w", map[string]any{"queryID": f.queryID, "eventID": f.last - 1}, nil)
	require.Equal(t, f.last, behind.MsgData.CurrEvent, "by which a client that missed something knows")
}

// A client that comes back after a quarter of an hour goes on with the event after its last, on the same server and on
// one that was started meanwhile.
func TestRealtime_GoesOnAfterAQuarterOfAnHour(t *testing.T) {
	var c clock
	config := devConfig(t.TempDir())
	config.Now = c.now
	p, err := startPlatform(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.stop()) })
	w := p.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "li", "notes", `{"_id":"a","n":0}`)
	r := p.realtime(t)
	r.login(w.ticket(t, "li"))
	queryID := r.say("INIT_WATCH", "w", map[string]any{"collName": "notes", "query": `{}`}, nil).MsgData.QueryID
	w.update(t, "notes", `{}`, `{"$inc":{"n":1}}`)
	r.follows(r.hear(), 2, "replace", "update")
	for last := uint64(2); last < 6; last += 2 {
		require.NoError(t, r.conn.CloseNow())
		w.update(t, "notes", `{}`, `{"$inc":{"n":1}}`)
		c.advance(16 * time.Minute)
		if last == 4 {
			require.NoError(t, p.stop())
			config.Listen = "127.0.0.1:0"
			p, err = startPlatform(config)
			require.NoError(t, err)
			w.platform = p
		}
		w.update(t, "notes", `{}`, `{"$inc":{"n":1}}`)
		r = p.realtime(t)
		r.login(w.ticket(t, "li"))
		r.queryID = queryID
		events := r.until(r.rebuild(last), last+2)
		require.Equal(t, []uint64{last + 1, last + 2}, []uint64{events[0].ID, events[1].ID})
		require.JSONEq(t, fmt.Sprintf(`{"_id":"a","n":%d,"_openid":"li"}`, last), events[0].Doc)
	}
}

// Rules are asked about every event: a document that its reader may no longer see leaves, one that the reader may see
// from now on enters, and what happens to it in between is nobody else's business.
func TestRealtime_RulesOfEveryEvent(t *testing.T) {
	w := notes(t)
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "notes", `{"read":"doc._openid == auth.openid || doc.open == true","write":"doc._openid == auth.openid"}`))
	w.insert(t, "li", "notes", `{"_id":"a","open":true,"n":1}`, `{"_id":"b","open":false,"n":1}`)
	r := shared.realtime(t)
	r.login(w.ticket(t, "wang"))
	first := r.say("INIT_WATCH", "w", map[string]any{"collName": "notes", "query": `{}`}, nil)
	require.Len(t, first.MsgData.Events, 1)
	require.Equal(t, "a", first.MsgData.Events[0].DocID)
	w.update(t, "notes", `{"_id":"b"}`, `{"$inc":{"n":1}}`) // not seen
	w.update(t, "notes", `{"_id":"a"}`, `{"$set":{"open":false}}`)
	require.Empty(t, r.follows(r.hear(), 2, "update", "dequeue"))
	w.update(t, "notes", `{"_id":"a"}`, `{"$inc":{"n":1}}`) // not seen
	w.update(t, "notes", `{"_id":"b"}`, `{"$set":{"open":true}}`)
	require.Contains(t, r.follows(r.hear(), 3, "update", "enqueue"), `"n":2`)
	w.update(t, "notes", `{"_id":"b"}`, `{"$set":{"_openid":"wang","open":false}}`)
	require.Contains(t, r.follows(r.hear(), 4, "replace", "update"), `"_openid":"wang"`)
	// Rules that look up other documents are asked again when those change.
	require.NoError(t, w.owner().CreateCollection(t.Context(), "members"))
	w.insert(t, "owner", "members", `{"_id":"wang","role":"boss"}`)
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "notes", "{\"read\":\"get(`database.members.${auth.openid}`).role == 'boss' || doc.open == true\"}"))
	both := r.hear()
	require.Equal(t, uint64(5), both.MsgData.CurrEvent)
	require.Len(t, both.MsgData.Events, 2)
	w.update(t, "members", `{"_id":"wang"}`, `{"$set":{"role":"guest"}}`)
	emptied := r.hear()
	require.Equal(t, uint64(6), emptied.MsgData.CurrEvent)
	require.Equal(t, []string{"init", "dequeue"}, []string{emptied.MsgData.Events[0].QueueType, emptied.MsgData.Events[1].QueueType})
	// Who may see nothing at all is told so, and the watch ends.
	require.NoError(t, w.owner().SetRules(t.Context(), "collection", "notes", "adminonly"))
	end := r.hear()
	require.Equal(t, []string{"ERROR", "COLLECTION_PERMISSION_DENIED"}, []string{end.MsgType, end.MsgData.Code})
}

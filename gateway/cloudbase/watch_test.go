package cloudbase

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

func FuzzWatchMessages(f *testing.F) {
	for _, seed := range []string{
		`{"watchId":"w","requestId":"r","msgType":"INIT_WATCH","msgData":{"envId":"e","collName":"c","query":"{\"n\":{\"$gt\":0}}","limit":2,"orderBy":{"n":"desc","m":"asc"}}}`,
		`{"requestId":"r","msgType":"LOGIN","msgData":{"envId":"e"},"exMsgData":{"runtime":"node","signStr":"s"}}`,
		`{"watchId":"w","msgType":"REBUILD_WATCH","msgData":{"queryID":"eyJjIjoiYyJ9.abc","eventID":7}}`,
		`{"watchId":"w","msgType":"CLOSE_WATCH","msgData":null}`, `{"msgType":"PING","msgData":null}`, `[]`, `null`, `{"msgData":{"eventID":-1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseWatchMessage(text)
		if err != nil {
			require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code())
			return
		}
		q := watchQuery{Collection: m.Data.Collection, Query: m.Data.Query, Limit: m.Data.Limit, OrderBy: m.Data.OrderBy}
		request, err := q.request("")
		if err != nil {
			require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code())
			return
		}
		for _, raw := range []json.RawMessage{request.Filter, request.Sort} {
			require.True(t, len(raw) == 0 || json.Valid(raw), "%s", raw)
		}
		again, begun, err := parseQueryID(q.id("token"))
		require.NoError(t, err)
		require.Equal(t, "token", begun)
		require.Equal(t, q.Collection, strings.ToValidUTF8(again.Collection, "\ufffd"))
		_, _, _ = parseQueryID(m.Data.QueryID)
	})
}

func TestWatchQuery(t *testing.T) {
	request, err := watchQuery{Collection: "c", Query: `{"n":{"$gt":0}}`, Limit: 3, OrderBy: json.RawMessage(`{"b":"desc","a.x":"asc"}`)}.request("token")
	require.NoError(t, err)
	require.Equal(t, &wire.WatchMessage{Collection: "c", Filter: json.RawMessage(`{"n":{"$gt":0}}`), Sort: json.RawMessage(`{"b":-1,"a.x":1}`), Limit: 3, Resume: "token"}, request)
	for _, q := range []watchQuery{{Query: "{"}, {OrderBy: json.RawMessage(`{"a":1}`)}, {OrderBy: json.RawMessage(`["a"]`)}, {OrderBy: json.RawMessage(`{"a":"up"}`)}} {
		_, err := q.request("")
		require.Error(t, err)
		require.Equal(t, yunduo.CodeInvalid, yunduo.AsError(err).Code())
	}
	for _, id := range []string{"", ".", "x", "e30", "e30.", "%.x", "bm8.x"} {
		_, _, err := parseQueryID(id)
		require.Equal(t, "QUERYID_INVALID_ERROR", failureCode(err).Code, id)
	}
}

func TestMarks(t *testing.T) {
	now := time.Unix(0, 0)
	m := newMarks(func() time.Time { return now })
	m.keep("q", []mark{{32, "a"}, {64, "b"}})
	m.keep("none", nil)
	require.Equal(t, mark{32, "a"}, m.find("q", 63))
	require.Equal(t, mark{64, "b"}, m.find("q", 64))
	require.Zero(t, m.find("q", 31))
	require.Zero(t, m.find("none", 100))
	now = now.Add(markAge + time.Second)
	m.keep("other", []mark{{32, "c"}}) // sweeps
	require.Zero(t, m.find("q", 64))
	m.forget("other")
	require.Empty(t, m.watches)
}

func TestPlainDates(t *testing.T) {
	for in, want := range map[string]string{
		`{"_id":"a"}`: `{"_id":"a"}`,
		`{"at":{"$date":"2026-01-02T03:04:05Z"},"n":{"$numberLong":"9007199254740993"}}`: `{"at":"2026-01-02T03:04:05Z","n":9007199254740993}`,
		`{"s":"{\"$date\":\"x\"}","l":[{"$date":"2026-01-02T03:04:05.5Z"}]}`:             `{"s":"{\"$date\":\"x\"}","l":["2026-01-02T03:04:05.5Z"]}`,
	} {
		require.Equal(t, want, string(plainDates([]byte(in))))
	}
}

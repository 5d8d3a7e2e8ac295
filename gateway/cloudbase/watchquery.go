package cloudbase

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"yunduo"
	"yunduo/wire"
)

const (
	firstEvent = 1 // ID of the first snapshot of a watch
	// maxReplay is how many changes of an app are counted again for one watch. Beyond it the whole result is sent anew.
	maxReplay = 20_000
)

// noExpiry: a login on a socket holds as long as its session.
var noExpiry time.Time

// watchQuery is what a client watches, as it said it. It travels in the query ID, together with the place where the
// watch began, so that a server that knows nothing of the watch any more can go on with it.
type watchQuery struct {
	Collection string          `json:"c"`
	Query      string          `json:"q,omitempty"`
	Limit      int64           `json:"l,omitempty"`
	OrderBy    json.RawMessage `json:"o,omitempty"`
}

func (q watchQuery) id(begun string) string {
	text, err := json.Marshal(q)
	if err != nil {
		return begun // never: it was JSON before
	}
	return base64.RawURLEncoding.EncodeToString(text) + "." + begun
}

func parseQueryID(id string) (q watchQuery, begun string, err error) {
	text, begun, ok := strings.Cut(id, ".")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || json.Unmarshal(raw, &q) != nil || begun == "" {
		return q, "", errQueryID("queryID: it is none of this server")
	}
	return q, begun, nil
}

// request says the query in our own words.
func (q watchQuery) request(after string) (*wire.WatchMessage, error) {
	m := &wire.WatchMessage{Collection: q.Collection, Limit: q.Limit, Resume: after}
	if q.Query != "" {
		if !json.Valid([]byte(q.Query)) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidFilter, "query: it is not the text of a JSON object")
		}
		m.Filter = json.RawMessage(q.Query)
	}
	var err error
	m.Sort, err = sortOfWatch(q.OrderBy)
	return m, err
}

// sortOfWatch turns {"field":"asc"} into {"field":1}, in the same order.
func sortOfWatch(order json.RawMessage) (json.RawMessage, error) {
	if len(order) == 0 || string(order) == "null" || string(order) == "{}" {
		return nil, nil
	}
	wrong := yunduo.Errorf(yunduo.ReasonInvalidRequest, `orderBy: it is an object of "asc" and "desc"`)
	decoder := json.NewDecoder(bytes.NewReader(order))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, wrong
	}
	sort := []byte{'{'}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, wrong
		}
		direction, err := decoder.Token()
		if err != nil || direction != "asc" && direction != "desc" {
			return nil, wrong
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, wrong
		}
		if len(sort) > 1 {
			sort = append(sort, ',')
		}
		sort = append(append(sort, name...), map[any]string{"asc": ":1", "desc": ":-1"}[direction]...)
	}
	return append(sort, '}'), nil
}

// mark says where in the change log an event of a watch stands.
type mark struct {
	event uint64
	token string
}

const (
	markEvery = 32               // events between two marks of a watch
	markKept  = 16               // marks of a watch
	markAge   = 15 * time.Minute // how long those of a lost connection are kept
	markMax   = 50_000           // watches
)

// marks are those of watches whose connection was lost. Without them the events since the watch began are counted.
type marks struct {
	now func() time.Time

	mu      sync.Mutex
	watches map[string]lostWatch // by query ID
	swept   time.Time
}

type lostWatch struct {
	marks []mark
	at    time.Time
}

func newMarks(now func() time.Time) *marks {
	return &marks{now: now, watches: map[string]lostWatch{}}
}

func (m *marks) keep(queryID string, list []mark) {
	if len(list) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if len(m.watches) >= markMax || now.Sub(m.swept) > markAge/2 {
		m.swept = now
		for id, w := range m.watches {
			if now.Sub(w.at) > markAge {
				delete(m.watches, id)
			}
		}
	}
	if len(m.watches) < markMax {
		m.watches[queryID] = lostWatch{marks: list, at: now}
	}
}

// find returns the last mark up to an event, the zero one if there is none.
func (m *marks) find(queryID string, event uint64) (found mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.watches[queryID].marks {
		if k.event <= event {
			found = k
		}
	}
	return found
}

func (m *marks) forget(queryID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watches, queryID)
}

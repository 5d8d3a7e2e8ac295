package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/wire"
)

const (
	killApp     = yunduo.AppID("killed")
	killWriters = 4 // of each kind
	killCounter = "counter-"
)

// acknowledged is what the server has said is done.
type acknowledged struct {
	mu       sync.Mutex
	inserted map[string]int    // document ID to its number
	counters map[string]int64  // counter to how often it was raised
	pending  map[string]int64  // and how often that was asked for
	files    map[string]string // file ID to content
	last     map[string]string // the content on its way to a path when the server died
}

// A server that is killed at any moment has every write and file that it acknowledged, and indexes that agree.
func TestKill_KeepsEverythingAcknowledged(t *testing.T) {
	rounds := 8
	if text := os.Getenv("YUNDUO_KILL_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		rounds = n
	}
	dir := t.TempDir()
	c := startChild(t, dir)
	require.NoError(t, c.client.CreateCollection(t.Context(), "items"))
	require.NoError(t, c.client.CreateCollection(t.Context(), "counters"))
	index := wire.CreateIndexRequest{Collection: "items", Index: wire.Index{Name: "group", Fields: []wire.IndexField{{Path: "group"}}}}
	require.NoError(t, c.client.Do(t.Context(), "POST", "/v1/manage/apps/"+string(killApp)+"/collections/items/indexes", index, nil))
	done := &acknowledged{inserted: map[string]int{}, counters: map[string]int64{}, pending: map[string]int64{}, files: map[string]string{}, last: map[string]string{}}
	for i := range killWriters {
		id := killCounter + strconv.Itoa(i)
		_, err := c.client.Insert(t.Context(), "counters", json.RawMessage(`{"_id":"`+id+`","n":0}`))
		require.NoError(t, err)
		done.counters[id], done.pending[id] = 0, 0
	}
	for round := range rounds {
		writes := writeUntilKilled(t, c, done, round)
		require.Positive(t, writes, "round %d acknowledged nothing", round)
		c = startChild(t, dir)
		done.verify(t, c)
	}
	require.NoError(t, c.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, c.command.Wait())
	t.Logf("%d rounds: %d documents, %d files", rounds, len(done.inserted), len(done.files))
}

// writeUntilKilled lets all writers run, kills the server in their midst and returns how many writes it acknowledged.
func writeUntilKilled(t *testing.T, c *child, done *acknowledged, round int) int {
	t.Helper()
	acks := make(chan struct{}, 1024)
	var group sync.WaitGroup
	for i := range killWriters {
		for _, write := range []func(*child, int, int, int) bool{done.insert, done.raise, done.upload} {
			group.Go(func() {
				for n := 0; write(c, round, i, n); n++ {
					acks <- struct{}{}
				}
			})
		}
	}
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	after, seen := 20+rand.IntN(150), 0 // so that the kill meets every stage of a write
	for {
		select {
		case <-acks:
			seen++
			if seen == after {
				c.kill(t)
			}
		case <-ended:
			require.GreaterOrEqual(t, seen, after, "the writers ended by themselves")
			return seen
		}
	}
}

func (a *acknowledged) insert(c *child, round, writer, n int) bool {
	id := fmt.Sprintf("r%d-w%d-%d", round, writer, n)
	_, err := c.client.Insert(context.Background(), "items", json.RawMessage(fmt.Sprintf(`{"_id":%q,"group":"g%d","n":%d}`, id, n%5, n)))
	if err != nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inserted[id] = n
	return true
}

func (a *acknowledged) raise(c *child, _, writer, n int) bool {
	id := killCounter + strconv.Itoa((writer+n)%killWriters)
	a.mu.Lock()
	a.pending[id]++
	a.mu.Unlock()
	reply, err := c.client.Update(context.Background(), "counters", wire.UpdateRequest{Filter: json.RawMessage(`{"_id":"` + id + `"}`), Update: json.RawMessage(`{"$inc":{"n":1}}`)})
	if err != nil || reply.Modified != 1 {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counters[id]++
	return true
}

// upload stores new files and replaces one of the writer's own again and again.
func (a *acknowledged) upload(c *child, round, writer, n int) bool {
	path := fmt.Sprintf("w%d/same.txt", writer)
	if n%2 == 0 {
		path = fmt.Sprintf("w%d/r%d-%d.txt", writer, round, n)
	}
	content := strings.Repeat(fmt.Sprintf("%s round %d number %d;", path, round, n), 1+n%200)
	var grant wire.GrantUploadResponse
	if c.client.Do(context.Background(), "POST", "/v1/apps/"+string(killApp)+"/files/grantUpload", wire.GrantUploadRequest{Path: path}, &grant) != nil {
		return false
	}
	a.mu.Lock()
	a.last[grant.FileID] = content
	a.mu.Unlock()
	request, err := http.NewRequest(http.MethodPut, grant.URL, strings.NewReader(content))
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[grant.FileID] = content
	return true
}

func (a *acknowledged) verify(t *testing.T, c *child) {
	t.Helper()
	found := map[string]int{}
	byGroup := 0
	for group := range 5 {
		for skip := int64(0); ; skip += 1000 {
			documents, err := c.client.Find(t.Context(), "items", wire.FindRequest{Filter: json.RawMessage(fmt.Sprintf(`{"group":"g%d"}`, group)), Skip: skip, Limit: 1000})
			require.NoError(t, err)
			for _, text := range documents {
				var d struct {
					ID string `json:"_id"`
					N  int
				}
				require.NoError(t, json.Unmarshal(text, &d))
				found[d.ID] = d.N
			}
			byGroup += len(documents)
			if len(documents) < 1000 {
				break
			}
		}
	}
	for id, n := range a.inserted {
		got, ok := found[id]
		require.True(t, ok, "document %s is lost", id)
		require.Equal(t, n, got)
	}
	// No index has n, so this reads the documents themselves.
	total, err := c.client.Count(t.Context(), "items", json.RawMessage(`{"n":{"$gte":0}}`))
	require.NoError(t, err)
	require.EqualValues(t, total, byGroup, "index and documents disagree")
	for id, n := range a.counters {
		documents, err := c.client.Find(t.Context(), "counters", wire.FindRequest{Filter: json.RawMessage(`{"_id":"` + id + `"}`)})
		require.NoError(t, err)
		require.Len(t, documents, 1)
		var d struct{ N int64 }
		require.NoError(t, json.Unmarshal(documents[0], &d))
		require.GreaterOrEqual(t, d.N, n, "%s lost updates", id)
		require.LessOrEqual(t, d.N, a.pending[id], "%s was raised more often than asked", id)
	}
	a.verifyFiles(t, c)
}

func (a *acknowledged) verifyFiles(t *testing.T, c *child) {
	t.Helper()
	for id, content := range a.files {
		got := read(t, c, id)
		if got != content {
			require.Equal(t, a.last[id], got, "file %s has other bytes than it was given", id)
			a.files[id] = got // stored whole, the answer was lost
		}
	}
}

func read(t *testing.T, c *child, id string) string {
	t.Helper()
	var reply wire.FileURLsResponse
	require.NoError(t, c.client.Do(t.Context(), "POST", "/v1/apps/"+string(killApp)+"/files/urls", wire.FileURLsRequest{Files: []wire.FileURLRequest{{FileID: id}}}, &reply))
	require.Nil(t, reply.Files[0].Error, "file %s is lost", id)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, reply.Files[0].URL, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return string(body)
}

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	client "yunduo/sdk/go"
	"yunduo/server"
)

// How long a test waits for what must come, and how often it looks.
const patience, pause = 30 * time.Second, 5 * time.Millisecond

// whoami looks at its identity by every way there is, with waits between, so that mixed-up calls have time to show.
const whoami = `
  const db = cloud.database()
  const before = cloud.getWXContext().OPENID
  const { _id } = await db.collection('marks').add({ data: { who: event.who, from: before } })
  const nested = (await cloud.callFunction({ name: 'inner', data: { who: event.who } })).result
  globalThis.last = before
  await new Promise(resolve => setTimeout(resolve, Math.random() * 10))
  const mark = (await db.collection('marks').doc(_id).get()).data
  return { who: event.who, before, after: cloud.getWXContext().OPENID, nested, mark: mark.from, last: globalThis.last }`

func TestParallelCalls_NeverMixIdentities(t *testing.T) {
	const users, callsEach = 50, 4
	w := shared.open(t)
	require.NoError(t, w.owner().CreateCollection(t.Context(), "marks"))
	w.deployMain(t, "inner", "await new Promise(resolve => setImmediate(resolve)); return cloud.getWXContext().OPENID")
	w.deployMain(t, "whoami", whoami)
	clients := map[string]*client.Client{}
	for i := range users {
		name := fmt.Sprintf("user-%d", i)
		w.user(t, name)
		clients[name] = w.as(t, name)
	}
	group, ctx := errgroup.WithContext(t.Context())
	for name, c := range clients {
		for range callsEach {
			group.Go(func() error { return identical(ctx, c, name) })
		}
	}
	require.NoError(t, group.Wait())
}

func identical(ctx context.Context, c *client.Client, name string) error {
	result, err := c.Invoke(ctx, "whoami", json.RawMessage(`{"who":"`+name+`"}`))
	if err != nil {
		return err
	}
	var seen map[string]string
	if err := json.Unmarshal(result, &seen); err != nil {
		return err
	}
	for _, way := range []string{"who", "before", "after", "nested", "mark", "last"} {
		if seen[way] != name {
			return fmt.Errorf("the call of %s saw %q by way of %q: %s", name, seen[way], way, result)
		}
	}
	return nil
}

// A server that is told to stop answers every request it has taken.
func TestShutdown_DropsNoCall(t *testing.T) {
	const calls = 20
	p := start(t, nil)
	w := p.open(t)
	w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "seen"))
	// Each call shows that it runs by a document, then waits until the test lets it go on by another.
	w.deployMain(t, "wait", `
  const seen = cloud.database().collection('seen')
  await seen.add({ data: { began: true } })
  for (;;) {
    const { total } = await seen.where({ go: true }).count()
    if (total > 0) return 'answered'
    await new Promise(resolve => setTimeout(resolve, 5))
  }`)
	var group errgroup.Group
	for range calls {
		group.Go(func() error {
			result, err := w.as(t, "li").Invoke(context.Background(), "wait", nil)
			if err == nil && string(result) != `"answered"` {
				err = fmt.Errorf("got %s", result)
			}
			return err
		})
	}
	require.Eventually(t, func() bool {
		n, err := w.owner().Count(t.Context(), "seen", json.RawMessage(`{"began":true}`))
		return err == nil && n == calls
	}, patience, pause)
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	require.Eventually(t, func() bool { // no connection is accepted any more
		response, err := http.Get(w.url + "/healthz")
		if err == nil {
			response.Body.Close()
		}
		return err != nil
	}, patience, pause)
	_, err := p.server.API().Do(t.Context(), "documents.insert", w.ownerCall(`{"collection":"seen","documents":[{"go":true}]}`))
	require.NoError(t, err)
	require.NoError(t, group.Wait())
	require.NoError(t, <-stopped)
}

func TestProbes_AnswerWithoutCredentials(t *testing.T) {
	w := shared.open(t)
	w.run(t, []exchange{
		{name: "alive", method: "GET", path: "/healthz", want: []string{"ok"}},
		{name: "ready", method: "GET", path: "/readyz", want: []string{"ready"}},
	})
}

func TestServer_KeepsEverythingOverARestart(t *testing.T) {
	dir := t.TempDir()
	keep := func(c *server.Config) { c.DataDir = dir }
	p := start(t, keep)
	w := p.open(t)
	tokens := w.user(t, "li")
	require.NoError(t, w.owner().CreateCollection(t.Context(), "notes"))
	w.insert(t, "li", "notes", `{"_id":"n","text":"kept"}`)
	file := w.upload(t, "li", "f.txt", "text/plain", "file kept")
	url := w.fileURL(t, "li", file, 600)
	w.deployMain(t, "hello", "return 'hello ' + cloud.getWXContext().OPENID")
	require.NoError(t, p.stop())
	secret, err := os.ReadFile(dir + "/secret.key")
	require.NoError(t, err)

	again := start(t, keep)
	w.platform = again
	now, err := os.ReadFile(dir + "/secret.key")
	require.NoError(t, err)
	require.Equal(t, secret, now)
	w.fill["refresh"] = tokens.RefreshToken
	w.run(t, []exchange{
		{name: "document and token", path: "/v1/apps/{app}/documents/notes/find", as: "li", body: `{}`, want: []string{"kept"}},
		{name: "function", path: "/v1/apps/{app}/functions/hello", as: "li", want: []string{`"hello li"`}},
		{name: "address of a file", method: "GET", path: url[strings.Index(url, "/v1/"):], want: []string{"file kept"}},
		{name: "refresh token", path: renew, body: `{"refreshToken":"{refresh}"}`, want: []string{"accessToken"}},
	})
}

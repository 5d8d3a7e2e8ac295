package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	client "yunduo/sdk/go"
	"yunduo/server"
	"yunduo/wire"
)

func withKey(key string) map[string]string { return map[string]string{"Idempotency-Key": key} }

// onceWorld is an app with a counter document and a function that counts its runs in it.
func onceWorld(t *testing.T, p *platform) *world {
	w := p.open(t)
	require.NoError(t, w.owner().CreateCollection(t.Context(), "c"))
	w.insert(t, "owner", "c", `{"_id":"n","runs":0}`)
	w.deployMain(t, "count", `
		const cloud = require('wx-server-sdk')
		cloud.init()
		const db = cloud.database()
		await db.collection('c').doc('n').update({ data: { runs: db.command.inc(1) } })
		if (event.wait) await new Promise(resolve => setTimeout(resolve, event.wait))
		if (event.fail) throw new Error('counted and failed')
		return { text: 'x'.repeat(event.size || 1) }`)
	return w
}

func (w *world) runs(t *testing.T) string {
	return w.send(t, exchange{path: "/v1/apps/{app}/documents/c/get", as: "owner", body: `{"id":"n"}`}).body
}

func TestOnce_RequestsWithAKeyAreCarriedOutOnce(t *testing.T) {
	w := onceWorld(t, shared)
	update, insert := "/v1/apps/{app}/documents/c/update", "/v1/apps/{app}/documents/c/insert"
	inc := `{"filter":{"_id":"n"},"update":{"$inc":{"runs":1}}}`
	for range 3 {
		w.check(t, exchange{path: update, as: "owner", header: withKey("a"), body: inc, want: []string{`"modified":1`}})
	}
	require.Contains(t, w.runs(t), `"runs":1}`)
	first := w.send(t, exchange{path: insert, as: "owner", header: withKey("a"), body: `{"documents":[{"x":1}]}`})
	require.Equal(t, http.StatusOK, first.status)
	require.Equal(t, first.body, w.send(t, exchange{path: insert, as: "owner", header: withKey("a"), body: `{"documents":[{"x":1}]}`}).body)
	w.run(t, []exchange{
		{name: "the key of another request", path: update, as: "owner", header: withKey("a"), body: `{"filter":{},"update":{"$inc":{"runs":5}}}`, status: 400, reason: yunduo.ReasonInvalidRequest, want: []string{"Idempotency-Key"}},
		{name: "a key too long", path: update, as: "owner", header: withKey(strings.Repeat("k", 129)), body: inc, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "a key that is no word", path: update, as: "owner", header: withKey("two words"), body: inc, status: 400, reason: yunduo.ReasonInvalidRequest},
		{name: "without a key", path: update, as: "owner", body: inc, want: []string{`"modified":1`}},
		{name: "another key", path: update, as: "owner", header: withKey("b"), body: inc, want: []string{`"modified":1`}},
	})
	require.Contains(t, w.runs(t), `"runs":3}`)
}

func TestOnce_AKeyIsItsUsers(t *testing.T) {
	w := onceWorld(t, shared)
	w.user(t, "li")
	w.user(t, "wang")
	for _, as := range []string{"owner", "li", "wang", "li"} {
		w.check(t, exchange{path: "/v1/apps/{app}/functions/count", as: as, header: withKey("same"), body: `{}`, want: []string{`{"text":"x"}`}})
	}
	require.Contains(t, w.runs(t), `"runs":3}`)
	other := onceWorld(t, shared)
	other.check(t, exchange{path: "/v1/apps/{app}/functions/count", as: "owner", header: withKey("same"), body: `{}`, want: []string{`{"text":"x"}`}})
	require.Contains(t, other.runs(t), `"runs":1}`)
	w.check(t, exchange{path: "/v1/apps/{app}/functions/count", header: withKey("same"), body: `{}`, status: 401, reason: yunduo.ReasonTokenMissing})
}

func TestOnce_ManyAtTheSameTime(t *testing.T) {
	w := onceWorld(t, shared)
	var group sync.WaitGroup
	replies := make([]reply, 20)
	for i := range replies {
		group.Go(func() {
			replies[i] = w.send(t, exchange{path: "/v1/apps/{app}/functions/count", as: "owner", header: withKey("k"), body: `{"wait":100}`})
		})
	}
	group.Wait()
	answered := 0
	for _, r := range replies {
		if r.status == http.StatusOK {
			answered++
			require.Equal(t, `{"text":"x"}`, r.body)
			continue
		}
		require.Contains(t, r.body, yunduo.ReasonRequestInProgress)
		require.Contains(t, r.body, `"retryable":true`)
	}
	require.Positive(t, answered)
	require.Contains(t, w.runs(t), `"runs":1}`)
}

func TestOnce_WhatComesOfFailures(t *testing.T) {
	w := onceWorld(t, shared)
	w.user(t, "li")
	insert, remove := "/v1/apps/{app}/documents/c/insert", "/v1/apps/{app}/documents/c/delete"
	w.insert(t, "owner", "c", `{"_id":"x"}`)
	w.run(t, []exchange{
		{name: "refused", path: insert, as: "owner", header: withKey("k"), body: `{"documents":[{"_id":"x"}]}`, status: 409, reason: yunduo.ReasonDuplicateKey},
		{name: "the reason goes away", path: remove, as: "owner", body: `{"filter":{"_id":"x"}}`, want: []string{`"deleted":1`}},
		{name: "and the key can be used", path: insert, as: "owner", header: withKey("k"), body: `{"documents":[{"_id":"x"}]}`, want: []string{`["x"]`}},
		{name: "the function throws", path: "/v1/apps/{app}/functions/count", as: "li", header: withKey("f"), body: `{"fail":true}`, status: 502, reason: yunduo.ReasonFunctionError, want: []string{"counted and failed"}},
		{name: "and is not run again", path: "/v1/apps/{app}/functions/count", as: "li", header: withKey("f"), body: `{"fail":true}`, status: 502, reason: yunduo.ReasonFunctionError, want: []string{"counted and failed"}},
		{name: "a large reply", path: "/v1/apps/{app}/functions/count", as: "li", header: withKey("l"), body: `{"size":300000}`, want: []string{"xxxx"}},
		{name: "is not kept", path: "/v1/apps/{app}/functions/count", as: "li", header: withKey("l"), body: `{"size":300000}`, status: 409, reason: yunduo.ReasonOutcomeUnknown, want: []string{"carried out"}},
	})
	require.Contains(t, w.runs(t), `"runs":2}`)
}

// A client that does not wait comes back for what it asked for, also to a server that was started anew meanwhile.
func TestOnce_OutlivesClientsAndRestarts(t *testing.T) {
	p := start(t, nil)
	w := onceWorld(t, p)
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "POST", w.url+w.filled("/v1/apps/{app}/functions/count"), strings.NewReader(`{"wait":300}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+w.keys.APIKey)
	request.Header.Set("Idempotency-Key", "left")
	gone := make(chan error, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		gone <- err
	}()
	require.Eventually(t, func() bool { return strings.Contains(w.runs(t), `"runs":1}`) }, patience, pause)
	leave()
	require.Error(t, <-gone)
	require.NoError(t, p.stop()) // waits for what is running

	config := p.config
	config.Listen = "127.0.0.1:0"
	again := start(t, func(c *server.Config) { *c = config })
	w.platform = again
	w.check(t, exchange{path: "/v1/apps/{app}/functions/count", as: "owner", header: withKey("left"), body: `{"wait":300}`, want: []string{`{"text":"x"}`}})
	require.Contains(t, w.runs(t), `"runs":1}`)
}

func TestRefresh_ALostReplyDoesNotCostTheSession(t *testing.T) {
	w := shared.open(t)
	first := w.user(t, "li")
	refresh := func(token, attempt string) (wire.Tokens, error) {
		var tokens wire.Tokens
		err := client.New(w.url, w.app, "").Do(t.Context(), "POST", "/v1/apps/"+string(w.app)+"/auth/refresh", wire.RefreshRequest{RefreshToken: token, Attempt: attempt}, &tokens)
		return tokens, err
	}
	second, err := refresh(first.RefreshToken, "attempt-number-one")
	require.NoError(t, err)
	again, err := refresh(first.RefreshToken, "attempt-number-one")
	require.NoError(t, err)
	require.Equal(t, second.RefreshToken, again.RefreshToken)
	_, err = refresh(second.RefreshToken, "short")
	require.Equal(t, yunduo.ReasonInvalidRequest, yunduo.ReasonOf(err))
	third, err := refresh(second.RefreshToken, "attempt-number-two")
	require.NoError(t, err)
	// Once the client has gone on, the old exchange is a theft like any other.
	_, err = refresh(first.RefreshToken, "attempt-number-one")
	require.Equal(t, yunduo.ReasonSessionRevoked, yunduo.ReasonOf(err))
	_, err = refresh(third.RefreshToken, "attempt-number-three")
	require.Equal(t, yunduo.ReasonSessionRevoked, yunduo.ReasonOf(err))

	fresh := w.user(t, "wang")
	_, err = refresh(fresh.RefreshToken, "attempt-of-the-owner")
	require.NoError(t, err)
	_, err = refresh(fresh.RefreshToken, "attempt-of-a-thief--")
	require.Equal(t, yunduo.ReasonSessionRevoked, yunduo.ReasonOf(err))
}

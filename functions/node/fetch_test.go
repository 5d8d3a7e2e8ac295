package node_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

func script(function, code string) runtime.Bundle {
	return runtime.Bundle{App: "shop", Function: function, Version: "1", Code: []byte(code)}
}

// A check sees what the code loads, also where processes wait that have loaded it already.
func TestFetch_IsSeenByTheCheck(t *testing.T) {
	r := newRuntime(t, node.Options{PoolSize: 1})
	t.Cleanup(func() { r.Close(context.Background()) })
	for _, c := range []struct {
		code    string
		fetches bool
	}{
		{`new Response(''); exports.main = () => 1`, true},
		{`exports.main = async () => (await fetch('http://localhost/')).status`, true},
		{`exports.main = () => 1`, false},
		{`const store = { fetch: () => 1 }; exports.main = () => store.fetch() + 'prefetch ()'`, false},
	} {
		report, err := r.Check(t.Context(), script("f", c.code))
		if err != nil || report.Fetches != c.fetches {
			t.Errorf("%s: %+v, %v", c.code, report, err)
		}
	}
}

func TestFetch_IsLoadedBeforehand(t *testing.T) {
	const tells = `exports.main = () => require('process').moduleLoadList.some(name => name.includes('undici'))`
	r := newRuntime(t, node.Options{})
	t.Cleanup(func() { r.Close(context.Background()) })
	loaded := func(fetches bool) bool {
		b := script("f", tells)
		b.Fetches = fetches
		p, err := r.Load(t.Context(), b)
		if !assert.NoError(t, err) {
			return false
		}
		defer p.Close(t.Context())
		result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(`{}`)})
		if !assert.NoError(t, err) {
			return false
		}
		return string(result.JSON) == "true"
	}
	for range 3 {
		if loaded(false) {
			t.Fatal("it is loaded though nobody needs it")
		}
	}
	// The first one tells that there are such functions; when a process has it ready is told to nobody.
	require.Eventually(t, func() bool { return loaded(true) }, time.Minute, 50*time.Millisecond, "no process has it ready")
}

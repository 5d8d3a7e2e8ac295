package node_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"testing"
	"time"

	"yunduo/functions/node"
	"yunduo/functions/runtime"
)

func TestMain(m *testing.M) {
	node.SandboxInit()
	os.Exit(m.Run())
}

func TestEcho(t *testing.T) {
	r, err := node.New(node.Options{Sandbox: node.SandboxRequire, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(context.Background())
	p, err := r.Load(t.Context(), runtime.Bundle{App: "a", Function: "f", Code: []byte("exports.main = async (e, c) => ({ e, cwd: process.cwd(), d: __dirname, id: c.request_id, uid: process.getuid(), l: require('fs').readdirSync('/') })")})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		start := time.Now()
		res, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "1", RequestID: "r", Event: json.RawMessage(`{"a":1}`)})
		t.Log(string(res.JSON), res.Cold, time.Since(start), err)

	}
}

// Package runtimetest is the suite that every functions runtime has to pass, with the hostile cases that a sandboxed
// one has to contain, and benchmarks.
package runtimetest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// ServerSDK is a stand-in for the platform's SDK: a thin layer over the runtime's host object.
const ServerSDK = `
exports.create = host => {
  const call = (operation, request, attachment) => host.call(operation, request, attachment)
  const sdk = {
    init () {},
    call,
    context: () => host.context(),
    log: (level, message) => host.log(level, message),
    getWXContext () {
      const c = host.context()
      return { OPENID: c.caller.openId, APPID: c.caller.appId, ENV: c.env }
    }
  }
  return { 'wx-server-sdk': sdk, '@cloudbase/node-sdk': { ...sdk, flavour: 'node' }, 'tcb-admin-node': { ...sdk, flavour: 'admin' } }
}
`

// Suite says how to make the runtime under test.
type Suite struct {
	// New makes a runtime that offers ServerSDK. The suite closes it.
	New func(t testing.TB) runtime.Runtime
	// Sandboxed adds the hostile cases.
	Sandboxed bool
	// Apart says that the runtime never runs two requests in one process.
	Apart bool
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *bench){
		"values": testValues, "events": testEvents, "context": testContext, "errors": testErrors, "load": testLoad,
		"limits": testLimits, "slots": testSlots, "calls": testCalls, "exchanges": testExchanges, "late": testLate, "logs": testLogs,
		"files": testFiles, "modules": testModules, "life": testLife,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s.bench(t))
		})
	}
	if s.Sandboxed {
		t.Run("hostile", func(t *testing.T) {
			t.Parallel()
			testHostile(t, s.bench(t))
		})
	}
}

// bench is a runtime with helpers.
type bench struct {
	runtime.Runtime
	apart bool
	ids   atomic.Int64
}

func (s Suite) bench(t testing.TB) *bench {
	b := &bench{Runtime: s.New(t), apart: s.Apart}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Close(ctx); err != nil {
			t.Errorf("close the runtime: %v", err)
		}
	})
	return b
}

// load makes a program of the code.
func (b *bench) load(t testing.TB, code string, change ...func(*runtime.Bundle)) runtime.Program {
	t.Helper()
	bundle := runtime.Bundle{App: "app-one", Function: "f", Version: "v1", Code: []byte(code), Handler: "main", Limits: runtime.Limits{Timeout: 20 * time.Second, Grace: 2 * time.Second}}
	for _, c := range change {
		c(&bundle)
	}
	p, err := b.Load(t.Context(), bundle)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return p
}

// invocation is a request with an event; nil host means that no call is expected.
func (b *bench) invocation(event string, change ...func(*runtime.Invocation)) *runtime.Invocation {
	id := "inv-" + string(rune('a'+b.ids.Add(1)%26)) + yunduo.NewID()[:8]
	inv := &runtime.Invocation{
		ID: id, RequestID: "req-" + id, Event: json.RawMessage(event), Source: "client",
		Caller: yunduo.Caller{App: "app-one", Role: yunduo.RoleFunction, UserID: "u1", OpenID: "openid-1", WeChatAppID: "wx1", Provider: "wechat", ClientIP: "192.0.2.7"},
	}
	for _, c := range change {
		c(inv)
	}
	return inv
}

// call invokes and wants a result.
func (b *bench) call(t testing.TB, p runtime.Program, event string, change ...func(*runtime.Invocation)) string {
	t.Helper()
	result, err := p.Invoke(t.Context(), b.invocation(event, change...))
	if err != nil {
		t.Fatalf("invoke with %.200s: %v", event, err)
	}
	return string(result.JSON)
}

// fail invokes and wants an error.
func (b *bench) fail(t testing.TB, p runtime.Program, event string, change ...func(*runtime.Invocation)) *yunduo.Error {
	t.Helper()
	result, err := p.Invoke(t.Context(), b.invocation(event, change...))
	if err == nil {
		t.Fatalf("invoke with %.200s gave %.200s, want an error", event, result.JSON)
	}
	var e *yunduo.Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	return e
}

func wantReason(t testing.TB, e *yunduo.Error, reason yunduo.Reason, part string) {
	t.Helper()
	if e.Reason != reason || !strings.Contains(e.Message, part) {
		t.Errorf("error %s %q, want %s with %q", e.Reason, e.Message, reason, part)
	}
}

func want(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %.300s, want %.300s", got, want)
	}
}

// hostFunc answers calls of function code.
type hostFunc func(ctx context.Context, inv *runtime.Invocation, operation string, request json.RawMessage, attachment []byte) (json.RawMessage, []byte, error)

func (f hostFunc) Call(ctx context.Context, inv *runtime.Invocation, operation string, request json.RawMessage, attachment []byte) (json.RawMessage, []byte, error) {
	return f(ctx, inv, operation, request, attachment)
}

func withHost(f hostFunc) func(*runtime.Invocation) {
	return func(inv *runtime.Invocation) { inv.Host = f }
}

// lines collects what a function prints.
type lines struct {
	mu  sync.Mutex
	all []runtime.LogLine
	new chan struct{}
}

func newLines() *lines { return &lines{new: make(chan struct{}, 1)} }

func (l *lines) log(line runtime.LogLine) {
	l.mu.Lock()
	l.all = append(l.all, line)
	l.mu.Unlock()
	select {
	case l.new <- struct{}{}:
	default:
	}
}

// wait returns the first line that contains the text.
func (l *lines) wait(t testing.TB, text string) runtime.LogLine {
	t.Helper()
	limit := time.NewTimer(10 * time.Second)
	defer limit.Stop()
	for {
		l.mu.Lock()
		for _, line := range l.all {
			if strings.Contains(line.Message, text) {
				l.mu.Unlock()
				return line
			}
		}
		all := l.all
		l.mu.Unlock()
		select {
		case <-l.new:
		case <-limit.C:
			t.Fatalf("no line with %q in %v", text, all)
		}
	}
}

func withLog(l *lines) func(*runtime.Invocation) {
	return func(inv *runtime.Invocation) { inv.Log = l.log }
}

// NodeVariable is the environment variable that names the Node.js binary to test with; default: the one in PATH.
const NodeVariable = "YUNDUO_TEST_NODE"

// SoakVariable is the environment variable that "make soak" sets: with it, the longest cases run too.
const SoakVariable = "YUNDUO_SOAK"

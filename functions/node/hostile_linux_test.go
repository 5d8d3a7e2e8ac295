package node_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yunduo"
	"yunduo/functions/node"
	"yunduo/functions/runtime"
	"yunduo/functions/runtimetest"
)

// hostile is one case of functions/testdata/hostile: code that tries to get out or to do harm, and what must come of it
// (see the README.md there).
type hostile struct {
	name    string
	code    string
	expect  []string // any of these
	timeout time.Duration
	cpu     time.Duration
	heap    int64
	once    bool // the code does not care whether it is to do harm
	soak    bool
}

// hostilePrelude gives every case its means, and lets the request after it find an ordinary function.
const (
	hostilePrelude = `const tried = async list => { const out = []; for (const f of list) { try { const r = await f(); out.push('got ' + (r === undefined ? 'through' : r)) } catch (e) { out.push(String(e && (e.code || e.message) || e)) } } return out };`
	hostileEnd     = "\n;{ const main = Object.getOwnPropertyDescriptor(exports, 'main'); if (main.value) exports.main = async event => event.go ? main.value(event) : 'ok' }"
)

func hostileCases(t testing.TB, root string) []hostile {
	t.Helper()
	var all []hostile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".js" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		c := hostile{name: strings.TrimSuffix(filepath.ToSlash(name), ".js"), code: string(text), timeout: 10 * time.Second}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan() && strings.HasPrefix(lines.Text(), "// "); {
			key, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "// "), ": ")
			switch key {
			case "expect":
				c.expect = strings.Split(value, "|")
			case "timeout":
				c.timeout, err = time.ParseDuration(value)
			case "cpu":
				c.cpu, err = time.ParseDuration(value)
			case "heap":
				c.heap, err = strconv.ParseInt(value, 10, 64)
			case "once":
				c.once = value == "yes"
			case "soak":
				c.soak = value == "yes"
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if len(c.expect) == 0 {
			return fmt.Errorf("%s does not say what to expect", path)
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// met reports whether the outcome is the expected one.
func (c hostile) met(result []byte, err *yunduo.Error) bool {
	return slices.ContainsFunc(c.expect, func(expected string) bool {
		kind, text, _ := strings.Cut(expected, " ")
		switch kind {
		case "result":
			return err == nil && string(result) == text
		case "refused":
			var outcomes []string
			return err == nil && json.Unmarshal(result, &outcomes) == nil && len(outcomes) > 0 &&
				!slices.ContainsFunc(outcomes, func(o string) bool { return strings.HasPrefix(o, "got ") })
		}
		return err != nil && string(err.Reason) == kind && strings.Contains(err.Message, text)
	})
}

// world is where the cases run: one server with a neighbour of another app, and things of the host that nobody may reach.
type world struct {
	r         *node.Runtime
	neighbour runtime.Program
	event     string
	reached   chan string
}

const unharmed = `"true {\"a\":1} 3 function x"`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{r: limited(t, node.Options{Sandbox: node.SandboxRequire}), reached: make(chan string, 1)}
	var err error
	w.neighbour, err = w.r.Load(t.Context(), runtime.Bundle{App: "neighbour", Function: "n", Version: "1", Limits: runtime.Limits{Timeout: time.Minute}, Code: []byte(
		`exports.main = async () => [({}).polluted === undefined, JSON.stringify({ a: 1 }), [1, 2].push(3), require('os').hostname(), await Promise.resolve('x')].join(' ')`)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
			select {
			case w.reached <- conn.RemoteAddr().String():
			default:
			}
		}
	}()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s"), 0o666); err != nil {
		t.Fatal(err)
	}
	w.event = fmt.Sprintf(`{"go":true,"port":%d,"secret":%q}`, listener.Addr().(*net.TCPAddr).Port, secret)
	return w
}

func (w *world) look(ctx context.Context) error {
	result, err := w.neighbour.Invoke(ctx, &runtime.Invocation{ID: "n"})
	if err != nil {
		return fmt.Errorf("the neighbour was harmed: %w", err)
	}
	if string(result.JSON) != unharmed {
		return fmt.Errorf("the neighbour was changed: %s", result.JSON)
	}
	return nil
}

func (w *world) try(t *testing.T, c hostile) {
	b := runtime.Bundle{App: "attacker", Function: "f", Version: "1", Code: []byte(hostilePrelude + c.code + hostileEnd), Limits: runtime.Limits{Timeout: c.timeout, CPU: c.cpu, HeapBytes: c.heap << 20, Grace: time.Second}}
	p, err := w.r.Load(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(t.Context())
	var lines sync.Mutex
	n := 0
	call := func(event string, deadline time.Time) ([]byte, *yunduo.Error) {
		result, err := p.Invoke(t.Context(), &runtime.Invocation{ID: "i", Event: json.RawMessage(event), Deadline: deadline, Log: func(runtime.LogLine) {
			lines.Lock()
			defer lines.Unlock()
			n++
		}})
		if err != nil {
			return nil, yunduo.AsError(err)
		}
		return result.JSON, nil
	}
	result, failure := call(w.event, time.Time{})
	if !c.met(result, failure) {
		t.Errorf("gave %.500s, %v; want %s", result, failure, strings.Join(c.expect, " or "))
	}
	if err := w.look(t.Context()); err != nil {
		t.Error(err)
	}
	if c.once {
		return
	}
	// A request whose process was just being ended because of another one may be told so; the next one may not.
	after, failure := call(`{}`, time.Now().Add(time.Minute))
	if failure != nil && failure.Reason == yunduo.ReasonFunctionKilled {
		after, failure = call(`{}`, time.Now().Add(time.Minute))
	}
	if failure != nil || string(after) != `"ok"` {
		t.Errorf("the next request gave %s, %v", after, failure)
	}
	lines.Lock()
	defer lines.Unlock()
	if limit := 4000 * int(2+c.timeout/time.Second); n > limit {
		t.Errorf("%d lines came through", n)
	}
}

func runHostile(t *testing.T, cases []hostile) {
	w := newWorld(t)
	if err := w.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The neighbour is asked all the time, not only after each case.
	watched, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case <-ticker.C:
				if err := w.look(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	queue := make(chan hostile)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for c := range queue {
				t.Run(c.name, func(t *testing.T) { w.try(t, c) })
			}
		})
	}
	for _, c := range cases {
		queue <- c
	}
	close(queue)
	workers.Wait()
	stop()
	watch.Wait()
	select {
	case from := <-w.reached:
		t.Errorf("something connected to the host from %s", from)
	default:
	}
}

const hostileFolder = "../testdata/hostile"

// TestHostile runs the corpus. Every case is bounded, and none touches its neighbour.
func TestHostile(t *testing.T) {
	all := hostileCases(t, hostileFolder)
	if len(all) < 100 {
		t.Errorf("only %d cases", len(all))
	}
	var cases []hostile
	for i, c := range all {
		if c.soak && os.Getenv(runtimetest.SoakVariable) == "" || testing.Short() && i%10 != 0 {
			continue
		}
		cases = append(cases, c)
	}
	runHostile(t, cases)
}

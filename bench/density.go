package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	functionsPerApp = 10
	densityRandom   = 50  // functions called for the first time, one after the other
	densityBurst    = 200 // and at once
	densityResident = 300 // that are kept in memory
	deployers       = 4
)

// density measures a server that holds very many functions: its start, its memory, first calls, bursts of them, and
// processes side by side.
func density(ctx context.Context, b *bench) error {
	if b.deployed < densityRandom+densityBurst+densityResident+functionsPerApp {
		return fmt.Errorf("-functions: at least %d", densityRandom+densityBurst+densityResident+functionsPerApp)
	}
	dir, err := os.MkdirTemp(b.dir, "density-")
	if err != nil {
		return err
	}
	h := &host{binary: b.binary, dir: dir, flags: b.flags}
	if err := h.launch(ctx); err != nil {
		return err
	}
	defer func() { h.stop() }() // the one that runs then
	if err := h.signIn(ctx); err != nil {
		return err
	}
	fmt.Printf("\n## Density\n\n%d functions of %d apps, each of which uses wx-server-sdk, on `yunduo serve`. Load %s.\n\n| | measured | target |\n|---|---|---|\n", b.deployed, (b.deployed+functionsPerApp-1)/functionsPerApp, loadAverage())
	published, err := h.deployAll(ctx, b.deployed)
	if err != nil {
		return err
	}
	fmt.Printf("| publish to live, %d at a time | p50 %.0f ms, p99 %.0f ms | |\n", deployers, quantile(published, .5), quantile(published, .99))
	var starts spread
	for range b.rounds {
		h.stop()
		begun := time.Now()
		if err := h.launch(ctx); err != nil {
			return err
		}
		starts = append(starts, microseconds(time.Since(begun))/1000)
	}
	fmt.Printf("| start until ready | %s ms | <= 3000: %s |\n", starts.text(0), verdict(starts.median(), 3000, true))
	if err := h.signIn(ctx); err != nil {
		return err
	}
	memory, err := resident(h.pid)
	if err != nil {
		return err
	}
	fmt.Printf("| memory of the server, no function running | %s MB | <= 512: %s |\n", megabytes(memory), verdict(memory/(1<<20), 512, true))
	order := rand.New(rand.NewPCG(1, 2)).Perm(b.deployed)
	steps := []func(context.Context, []int) error{h.oneByOne, h.alone, h.burst, h.together}
	for i, n := range []int{densityRandom, functionsPerApp, densityBurst, densityResident} {
		if err := steps[i](ctx, order[:n]); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// host is `yunduo serve`.
type host struct {
	binary, dir string
	flags       []string
	address     string
	token       string // of an operator
	pid         int
	stop        func()
}

var operator = map[string]any{"username": "operator", "password": "a-long-password-of-the-benchmark"}

// launch starts the server and returns when it answers.
func (h *host) launch(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(h.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(h.binary, append([]string{"serve", "--data", filepath.Join(h.dir, "data"), "--listen", h.address, "--log-level", "warn"}, h.flags...)...)
	stop, ended, err := startProcess(command, log)
	if err != nil {
		return err
	}
	h.stop, h.pid = stop, command.Process.Pid
	for {
		if call(ctx, "GET", "http://"+h.address+"/readyz", "", nil, nil) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server ended before it was ready: %.2000s", text)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// signIn takes a token of the operator, whom it makes on a new server.
func (h *host) signIn(ctx context.Context) error {
	request := map[string]any{"username": operator["username"], "password": operator["password"]}
	if h.token == "" {
		token, err := h.setUpToken()
		if err != nil {
			return err
		}
		request["token"], request["setUp"] = token, true
	}
	var reply struct{ AccessToken string }
	if err := h.manage(ctx, "POST", "/session", request, &reply); err != nil {
		return err
	}
	h.token = reply.AccessToken
	return nil
}

func (h *host) setUpToken() (string, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, "server.log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	_, rest, found := strings.Cut(string(text), "#token=")
	if !found {
		return "", fmt.Errorf("the server printed no set-up link: %.500s", text)
	}
	return strings.Fields(rest)[0], nil
}

func (h *host) manage(ctx context.Context, method, path string, body, into any) error {
	return call(ctx, method, "http://"+h.address+"/v1/manage"+path, h.token, body, into)
}

func appOf(i int) string      { return fmt.Sprintf("app-%04d", i/functionsPerApp) }
func functionOf(i int) string { return fmt.Sprintf("f%d", i%functionsPerApp) }

// deployAll makes the apps and deploys the functions; the figures are milliseconds, sorted.
func (h *host) deployAll(ctx context.Context, count int) ([]float64, error) {
	code, err := projectFiles.ReadFile("project/cold.js")
	if err != nil {
		return nil, err
	}
	for i := 0; i < count; i += functionsPerApp {
		if err := h.manage(ctx, "POST", "/apps", map[string]string{"id": appOf(i)}, nil); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var mu sync.Mutex
	var took []float64
	var group sync.WaitGroup
	begun := time.Now()
	for range deployers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < count && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				body := map[string]any{"files": []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString(code)}}, "settings": map[string]any{}}
				from := time.Now()
				if err := h.manage(ctx, "PUT", "/apps/"+appOf(i)+"/functions/"+functionOf(i), body, nil); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				took = append(took, microseconds(time.Since(from))/1000)
				if len(took)%500 == 0 {
					fmt.Fprintf(os.Stderr, "%d of %d functions after %.0f s\n", len(took), count, time.Since(begun).Seconds())
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	slices.Sort(took)
	return took, nil
}

func (h *host) request(i int) []byte {
	return request(h.address, "/v1/apps/"+appOf(i)+"/functions/"+functionOf(i), []byte("{}"), "Authorization: Bearer "+h.token)
}

// timed calls a function on a connection of its own, and returns the milliseconds.
func (h *host) timed(ctx context.Context, c *connection, i int) (float64, error) {
	begun := time.Now()
	if err := c.do(h.request(i)); err != nil {
		return 0, fmt.Errorf("%s/%s: %w", appOf(i), functionOf(i), err)
	}
	return microseconds(time.Since(begun)) / 1000, ctx.Err()
}

// oneByOne calls functions for the first time.
func (h *host) oneByOne(ctx context.Context, functions []int) error {
	c, err := dial(ctx, h.address)
	if err != nil {
		return err
	}
	defer c.Close()
	var difference spread
	for _, i := range functions {
		var times [3]float64
		for n := range times {
			if times[n], err = h.timed(ctx, c, i); err != nil {
				return err
			}
		}
		difference = append(difference, times[0]-times[2])
		select { // the pool fills up again
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	slices.Sort(difference)
	fmt.Printf("| first call over a warm one, %d functions | p50 %.1f ms, p90 %.1f ms | p50 <= 5: %s |\n", len(functions), quantile(difference, .5), quantile(difference, .9), verdict(quantile(difference, .5), 5, true))
	return nil
}

// alone publishes functions again, one after the other.
func (h *host) alone(ctx context.Context, functions []int) error {
	var took spread
	for _, i := range functions {
		code := fmt.Sprintf("exports.main = async () => 'again %d'", i)
		body := map[string]any{"files": []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code))}}, "settings": map[string]any{}}
		begun := time.Now()
		if err := h.manage(ctx, "PUT", "/apps/"+appOf(i)+"/functions/"+functionOf(i), body, nil); err != nil {
			return err
		}
		var reply string
		if err := call(ctx, "POST", "http://"+h.address+"/v1/apps/"+appOf(i)+"/functions/"+functionOf(i), h.token, map[string]any{}, &reply); err != nil {
			return err
		}
		took = append(took, microseconds(time.Since(begun))/1000)
		if reply != fmt.Sprintf("again %d", i) {
			return fmt.Errorf("%s/%s answers %q after it was published", appOf(i), functionOf(i), reply)
		}
	}
	fmt.Printf("| publish a function of one file, until it has answered | %s ms | <= 200: %s |\n", took.text(0), verdict(took.median(), 200, true))
	return nil
}

// burst calls many functions for the first time at once, while one that is warm is called all the time.
func (h *host) burst(ctx context.Context, functions []int) error {
	warm := functions[0]
	before, err := h.steady(ctx, warm, func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
			return nil
		}
	})
	if err != nil {
		return err
	}
	var last time.Duration
	during, err := h.steady(ctx, warm, func() error {
		begun := time.Now()
		err := h.atOnce(ctx, functions[1:])
		last = time.Since(begun)
		return err
	})
	if err != nil {
		return err
	}
	ratio := quantile(during, .99) / quantile(before, .99)
	fmt.Printf("| burst of %d first calls: the last answer | %.1f s | <= 6: %s |\n", len(functions)-1, last.Seconds(), verdict(last.Seconds(), 6, true))
	fmt.Printf("| p99 of warm calls meanwhile, one client | %.2f ms, before %.2f ms: %.1f times | <= 2 times: %s |\n", quantile(during, .99), quantile(before, .99), ratio, verdict(ratio, 2, true))
	return nil
}

// steady calls a function every millisecond, as long as meanwhile takes; the figures are milliseconds, sorted.
func (h *host) steady(ctx context.Context, function int, meanwhile func() error) ([]float64, error) {
	c, err := dial(ctx, h.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := h.timed(ctx, c, function); err != nil {
		return nil, err
	}
	over := make(chan error, 1)
	go func() { over <- meanwhile() }()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	var took []float64
	for {
		select {
		case err := <-over:
			slices.Sort(took)
			return took, err
		case <-ticker.C:
			ms, err := h.timed(ctx, c, function)
			if err != nil {
				return nil, err
			}
			took = append(took, ms)
		}
	}
}

// atOnce calls functions, each on a connection of its own.
func (h *host) atOnce(ctx context.Context, functions []int) error {
	failures := make(chan error, len(functions))
	for _, i := range functions {
		go func() {
			c, err := dial(ctx, h.address)
			if err == nil {
				_, err = h.timed(ctx, c, i)
				err = errors.Join(err, c.Close())
			}
			failures <- err
		}()
	}
	var all error
	for range functions {
		all = errors.Join(all, <-failures)
	}
	return all
}

// together brings functions into memory and looks at what they take.
func (h *host) together(ctx context.Context, functions []int) error {
	h.stop()
	if err := h.launch(ctx); err != nil {
		return err
	}
	for part := range slices.Chunk(functions, 20) {
		if err := h.atOnce(ctx, part); err != nil {
			return err
		}
	}
	processes, bytes, err := proportional(h.pid)
	if err != nil {
		return err
	}
	own, err := resident(h.pid)
	if err != nil {
		return err
	}
	fmt.Printf("| memory of %d functions in %d processes | %s MB, %.1f MB each; the server %s MB | <= 3072: %s |\n", len(functions), processes, megabytes(bytes), bytes/(1<<20)/float64(processes), megabytes(own), verdict((bytes+own)/(1<<20), 3072, true))
	return nil
}

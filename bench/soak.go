package main

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

//go:embed soak/work.js
var soakCode string

const (
	soakApps      = 4
	soakFunctions = 5 // of each app
	soakClients   = 8
	soakPause     = 40 * time.Millisecond // of a client between two calls
	soakKill      = 3 * time.Second       // between two kills of a function's process
	soakDeploy    = 5 * time.Second       // between two deployments
	soakSample    = 10 * time.Second
)

// soakKinds are what calls do, with how often, and the reasons with which they may fail; none means that they succeed
// unless their process was killed.
var soakKinds = []struct {
	kind   string
	weight int
	fails  string
}{
	{"echo", 300, ""}, {"context", 150, ""}, {"wait", 150, ""}, {"logs", 50, ""}, {"document", 150, ""}, {"compute", 50, ""}, {"after", 100, ""},
	{"throws", 40, "function_error"}, {"heap", 2, "function_killed function_timeout"}, {"buffers", 2, "function_killed function_error function_timeout"},
	{"spin", 1, "function_timeout function_killed"}, {"exit", 5, "function_error function_killed"},
}

// soak runs a mixed load with kills, deployments and functions that take all the memory they get, and looks at what the
// server keeps.
func soak(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp(b.dir, "soak-")
	if err != nil {
		return err
	}
	h := &host{binary: b.binary, dir: dir, flags: b.flags}
	if err := h.launch(ctx); err != nil {
		return err
	}
	defer h.stop()
	s := &soaking{host: h, wrong: map[string]int{}}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	fmt.Printf("\n## Soak\n\n%d functions of %d apps, %d clients with %s between calls, for %s; every %s a process of a function is killed, every %s a function deployed again. Load %s.\n\n",
		soakApps*soakFunctions, soakApps, soakClients, soakPause, b.soaking, soakKill, soakDeploy, loadAverage())
	bounded, cancel := context.WithTimeout(ctx, b.soaking)
	defer cancel()
	var group sync.WaitGroup
	for range soakClients {
		group.Go(func() { s.callAll(bounded) })
	}
	group.Go(func() { s.every(bounded, soakKill, s.kill) })
	group.Go(func() { s.every(bounded, soakDeploy, s.deployAgain) })
	group.Go(func() { s.every(bounded, soakSample, s.sample) })
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.report(ctx, b.plot)
}

type soaking struct {
	*host
	calls, failed, hit, late, kills, deployments, versions atomic.Int64

	mu      sync.Mutex
	wrong   map[string]int // what should not have happened
	samples []sample
}

// sample is what a server holds at a moment.
type sample struct {
	minutes                                       float64
	memory, children                              float64 // MB
	goroutines, threads, descriptors, descendants float64
}

func (s *soaking) prepare(ctx context.Context) error {
	if err := s.signIn(ctx); err != nil {
		return err
	}
	for app := range soakApps {
		id := soakApp(app)
		if err := s.manage(ctx, "POST", "/apps", map[string]string{"id": id}, nil); err != nil {
			return err
		}
		if err := s.manage(ctx, "POST", "/apps/"+id+"/collections", map[string]string{"collection": "soak"}, nil); err != nil {
			return err
		}
		for f := range soakFunctions {
			if err := s.deploy(ctx, app, f); err != nil {
				return err
			}
		}
	}
	return s.signIn(ctx)
}

func soakApp(i int) string      { return fmt.Sprintf("soak-%d", i) }
func soakFunction(i int) string { return fmt.Sprintf("work-%d", i) }

// deploy publishes a function whose answers name a version of its own.
func (s *soaking) deploy(ctx context.Context, app, function int) error {
	code := strings.Replace(soakCode, "'VERSION'", strconv.FormatInt(s.versions.Add(1), 10), 1)
	body := map[string]any{"files": []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code))}}, "settings": map[string]any{"timeoutSeconds": 3}}
	return s.manage(ctx, "PUT", "/apps/"+soakApp(app)+"/functions/"+soakFunction(function), body, nil)
}

// every does something time and again, and notes what goes wrong.
func (s *soaking) every(ctx context.Context, pause time.Duration, do func(context.Context) error) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				s.note(err.Error())
			}
		}
	}
}

func (s *soaking) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wrong[what]++; s.wrong[what] == 1 {
		fmt.Fprintln(os.Stderr, "soak:", what)
	}
}

func (s *soaking) callAll(ctx context.Context) {
	total := 0
	for _, k := range soakKinds {
		total += k.weight
	}
	for ctx.Err() == nil {
		at := rand.IntN(total)
		for _, k := range soakKinds {
			if at -= k.weight; at < 0 {
				s.callOne(ctx, rand.IntN(soakApps), rand.IntN(soakFunctions), k.kind, k.fails)
				break
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(soakPause):
		}
	}
}

// callOne calls a function and judges the answer.
func (s *soaking) callOne(ctx context.Context, app, function int, kind, fails string) {
	n := rand.IntN(1 << 30)
	event, _ := json.Marshal(map[string]any{"kind": kind, "n": n}) // nothing in it that JSON does not have
	r, err := http.NewRequestWithContext(ctx, "POST", "http://"+s.address+"/v1/apps/"+soakApp(app)+"/functions/"+soakFunction(function), strings.NewReader(string(event)))
	if err != nil {
		s.note(err.Error())
		return
	}
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			s.note(kind + ": " + err.Error())
		}
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		if ctx.Err() == nil {
			s.note(kind + ": " + err.Error())
		}
		return
	}
	s.calls.Add(1)
	var reply struct {
		Version int64
		Value   any
		Error   struct{ Reason, Message string }
	}
	switch err := json.Unmarshal(text, &reply); {
	case err != nil:
		s.note(fmt.Sprintf("%s: status %d, %.100s", kind, response.StatusCode, text))
	case response.StatusCode == http.StatusOK && fails == "":
		if reply.Value != float64(n) || reply.Version < 1 || reply.Version > s.versions.Load() {
			s.note(fmt.Sprintf("%s: a wrong answer: %.100s", kind, text))
		}
	case fails != "" && strings.Contains(fails, reply.Error.Reason) && reply.Error.Reason != "":
		s.failed.Add(1)
	case reply.Error.Reason == "function_timeout":
		s.late.Add(1)
	case reply.Error.Reason == "function_killed" || reply.Error.Reason == "function_error" && strings.Contains(reply.Error.Message, "ended"):
		s.hit.Add(1) // its process was killed, by us or for the sake of a neighbour
	default:
		s.note(fmt.Sprintf("%s: status %d, %s: %.100s", kind, response.StatusCode, reply.Error.Reason, reply.Error.Message))
	}
}

// kill ends a process of the server at random, as the kernel might.
func (s *soaking) kill(context.Context) error {
	all, err := descendants(s.pid)
	if err != nil || len(all) == 0 {
		return err
	}
	s.kills.Add(1)
	_ = syscall.Kill(all[rand.IntN(len(all))], syscall.SIGKILL) // it may have ended
	return nil
}

func (s *soaking) deployAgain(ctx context.Context) error {
	if s.deployments.Add(1)%60 == 0 { // a token does not last as long as a soak
		fresh := &host{address: s.address, token: s.token}
		if err := fresh.signIn(ctx); err != nil {
			return err
		}
		s.mu.Lock()
		s.token = fresh.token
		s.mu.Unlock()
	}
	return s.deploy(ctx, rand.IntN(soakApps), rand.IntN(soakFunctions))
}

var soakBegun = time.Now()

// sample looks at the server and its processes.
func (s *soaking) sample(ctx context.Context) error {
	at := sample{minutes: time.Since(soakBegun).Minutes()}
	bytes, err := resident(s.pid)
	if err != nil {
		return err
	}
	at.memory = bytes / (1 << 20)
	processes, bytes, err := proportional(s.pid)
	if err == nil { // else one has ended meanwhile
		at.children, at.descendants = bytes/(1<<20), float64(processes)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		return err
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.pid))
	if err != nil {
		return err
	}
	at.descriptors, at.threads = float64(len(files)), float64(len(threads))
	if at.goroutines, err = s.goroutines(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	s.samples = append(s.samples, at)
	n := len(s.samples)
	s.mu.Unlock()
	if n%6 == 0 {
		fmt.Fprintf(os.Stderr, "%.0f min: %d calls, %d wrong, %.0f MB, %.0f goroutines, %.0f files, %.0f processes with %.0f MB\n",
			at.minutes, s.calls.Load(), len(s.wrong), at.memory, at.goroutines, at.descriptors, at.descendants, at.children)
	}
	return nil
}

func (s *soaking) goroutines(ctx context.Context) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "\ngo_goroutines ")
	if !found {
		return 0, fmt.Errorf("/metrics tells no goroutines: %.100s", text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(value, 64)
}

// report waits until the idle processes have gone, and tells what is left.
func (s *soaking) report(ctx context.Context, file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf("| | |\n|---|---|\n| calls | %d |\n| failed as they should | %d |\n| lost with a killed process | %d |\n| not answered in time | %d |\n| processes killed, functions deployed | %d, %d |\n", s.calls.Load(), s.failed.Load(), s.hit.Load(), s.late.Load(), s.kills.Load(), s.deployments.Load())
	wrong := 0
	for what, n := range s.wrong {
		wrong += n
		fmt.Fprintf(os.Stderr, "%d times: %s\n", n, what)
	}
	fmt.Printf("| wrong | %d |\n", wrong)
	parts := []struct {
		name string
		of   func(sample) float64
	}{
		{"memory of the server, MB", func(a sample) float64 { return a.memory }}, {"memory of the functions, MB", func(a sample) float64 { return a.children }},
		{"goroutines", func(a sample) float64 { return a.goroutines }}, {"threads", func(a sample) float64 { return a.threads }},
		{"open files", func(a sample) float64 { return a.descriptors }}, {"processes", func(a sample) float64 { return a.descendants }},
	}
	panels := []panel{{title: "memory, MB", linear: true}, {title: "counts", linear: true}}
	for i, p := range parts {
		all := series{name: strings.TrimSuffix(p.name, ", MB")}
		var first, last spread
		for n, a := range s.samples {
			all.points = append(all.points, point{a.minutes, p.of(a)})
			if third := len(s.samples) / 3; n >= third && n < 2*third {
				first = append(first, p.of(a))
			} else if n >= 2*third {
				last = append(last, p.of(a))
			}
		}
		fmt.Printf("| %s: second third, last third | %s, %s |\n", p.name, first.text(0), last.text(0))
		panels[min(i/2, 1)].series = append(panels[min(i/2, 1)].series, all)
	}
	if file == "" {
		return nil
	}
	fmt.Printf("\n![Memory and counts during the soak](images/%s)\n", filepath.Base(file))
	return os.WriteFile(file, plot("minutes", panels), 0o644)
}

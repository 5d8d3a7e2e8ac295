package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"
)

const (
	floodVariable = "YUNDUO_BENCH_FLOOD" // tells a process that it is the client of a flood
	flooders      = 64
	victimRate    = 200 // calls a second
	victimClients = 8
	victim, flood = "victim", "flood"
)

// floods are what another app is called for.
var floods = []struct{ name, code string }{
	{"cheap calls", "exports.main = async event => event"},
	{"calls that compute for 20 ms", "exports.main = async () => { for (const end = Date.now() + 20; Date.now() < end;); }"},
	{"calls that wait for 200 ms", "exports.main = () => new Promise(done => setTimeout(done, 200))"},
	{"first calls of functions", ""},
}

// fair measures what an app's callers notice when another app is called by very many: a function is called at a steady
// rate, alone and while the flood lasts, by turns.
func fair(ctx context.Context, b *bench) error {
	dir, err := os.MkdirTemp(b.dir, "fair-")
	if err != nil {
		return err
	}
	h := &host{binary: b.binary, dir: dir, flags: b.flags}
	if err := h.launch(ctx); err != nil {
		return err
	}
	defer func() { h.stop() }()
	if err := h.signIn(ctx); err != nil {
		return err
	}
	for _, app := range []string{victim, flood} {
		if err := h.manage(ctx, "POST", "/apps", map[string]string{"id": app}, nil); err != nil {
			return err
		}
	}
	if err := h.put(ctx, victim, "echo", "exports.main = async event => event"); err != nil {
		return err
	}
	fmt.Printf("\n## An app beside a flood\n\nOne app is called %d times a second; another one by %d connections as fast as it answers, from a process of the lowest priority. By turns alone and together, %d rounds of %s. Load %s.\n\n", victimRate, flooders, b.rounds, b.lasting, loadAverage())
	fmt.Printf("| flood | p50 ms alone | p50 ms | p99 ms alone | p99 ms | p99 : alone | target | calls/s of the flood | of them refused |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, f := range floods {
		if err := b.besides(ctx, h, i, f.name, f.code); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

func (h *host) put(ctx context.Context, app, name, code string) error {
	files := []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code))}}
	return h.manage(ctx, "PUT", "/apps/"+app+"/functions/"+name, map[string]any{"files": files, "settings": map[string]any{}}, nil)
}

func (h *host) call(app, name string) []byte {
	return request(h.address, "/v1/apps/"+app+"/functions/"+name, []byte("{}"), "Authorization: Bearer "+h.token)
}

// besides measures one kind of flood and prints its row.
func (b *bench) besides(ctx context.Context, h *host, kind int, name, code string) error {
	if code != "" {
		if err := h.put(ctx, flood, fmt.Sprint("kind-", kind), code); err != nil {
			return err
		}
	}
	var p50, p99, p50Alone, p99Alone, rate spread
	refused, all := 0, 0
	for n := range b.rounds + 1 { // the first warms up
		alone, err := h.paced(ctx, b.lasting)
		if err != nil {
			return err
		}
		requests := [][]byte{h.call(flood, fmt.Sprint("kind-", kind))}
		if code == "" {
			if requests, err = h.strangers(ctx, n); err != nil {
				return err
			}
		}
		f, err := startFlood(ctx, h.address, requests)
		if err != nil {
			return err
		}
		beside, err := h.paced(ctx, b.lasting)
		done, stopped := f.stop()
		if err := errors.Join(err, stopped); err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		p50Alone, p99Alone = append(p50Alone, quantile(alone, .5)), append(p99Alone, quantile(alone, .99))
		p50, p99 = append(p50, quantile(beside, .5)), append(p99, quantile(beside, .99))
		rate = append(rate, float64(done.Answered+done.Refused)/done.Seconds)
		refused, all = refused+done.Refused, all+done.Answered+done.Refused
	}
	ratio := p99.over(p99Alone)
	fmt.Printf("| %s | %s | %s | %s | %s | %s | <= 1.2: %s | %s | %d of %d |\n", name, p50Alone.text(2), p50.text(2), p99Alone.text(2), p99.text(2), ratio.text(2), verdict(ratio.median(), 1.2, true), rate.text(0), refused, all)
	return nil
}

// strangers deploys functions that nobody has called, enough for the first calls of a round.
func (h *host) strangers(ctx context.Context, round int) ([][]byte, error) {
	code, err := projectFiles.ReadFile("project/cold.js")
	if err != nil {
		return nil, err
	}
	var requests [][]byte
	for i := range 2 * flooders {
		name := fmt.Sprintf("stranger-%d-%d", round, i)
		if err := h.put(ctx, flood, name, string(code)); err != nil {
			return nil, err
		}
		requests = append(requests, h.call(flood, name))
	}
	return requests, nil
}

// paced calls the victim's function at its rate; the figures are milliseconds from when a call was due, sorted.
func (h *host) paced(ctx context.Context, lasting time.Duration) ([]float64, error) {
	due := make(chan time.Time, 10*victimRate) // further behind nobody is served any more
	text := h.call(victim, "echo")
	var mu sync.Mutex
	var took []float64
	var failed error
	var group sync.WaitGroup
	for range victimClients {
		group.Go(func() {
			c, err := dial(ctx, h.address)
			if err == nil {
				defer c.Close()
			}
			for at := range due {
				if err == nil {
					err = c.do(text)
				}
				ms := microseconds(time.Since(at)) / 1000
				mu.Lock()
				took, failed = append(took, ms), errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	begun := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		at := begun.Add(time.Duration(n) * time.Second / victimRate)
		if at.Sub(begun) > lasting {
			break
		}
		time.Sleep(time.Until(at))
		select {
		case due <- at:
		default:
			return nil, errors.New("the victim is not answered at all")
		}
	}
	close(due)
	group.Wait()
	slices.Sort(took)
	return took, errors.Join(failed, ctx.Err())
}

// flooding is a client process.
type flooding struct {
	command *exec.Cmd
	end     func() error
	out     *json.Decoder
}

// flooded is what it did.
type flooded struct {
	Answered, Refused int
	Seconds           float64
}

// startFlood starts a process that calls on many connections until it is stopped. It sends each request once before it
// sends one again.
func startFlood(ctx context.Context, address string, requests [][]byte) (*flooding, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// The processors are the servers': what the client of a flood takes from them is not what is measured.
	command := exec.CommandContext(ctx, "chrt", "--idle", "0", program)
	command.Env = append(os.Environ(), floodVariable+"="+address)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	f := &flooding{command: command, end: in.Close, out: json.NewDecoder(out)}
	var started bool
	if err := errors.Join(json.NewEncoder(in).Encode(requests), f.out.Decode(&started)); err != nil {
		_, stopped := f.stop()
		return nil, errors.Join(err, stopped)
	}
	return f, nil
}

func (f *flooding) stop() (done flooded, err error) {
	err = f.end()
	return done, errors.Join(err, f.out.Decode(&done), f.command.Wait())
}

// floodUntilStopped is the process of a flood.
func floodUntilStopped(address string) error {
	in := json.NewDecoder(os.Stdin)
	var requests [][]byte
	if err := in.Decode(&requests); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	var done flooded
	var group sync.WaitGroup
	next := 0
	begun := time.Now()
	for range flooders {
		group.Go(func() {
			var c *connection
			for ctx.Err() == nil {
				mu.Lock()
				text := requests[next%len(requests)]
				next++
				mu.Unlock()
				var err error
				if c == nil {
					if c, err = dial(ctx, address); err != nil {
						return
					}
				}
				err = c.do(text)
				mu.Lock()
				if err == nil {
					done.Answered++
				} else {
					done.Refused++
				}
				mu.Unlock()
				if err != nil {
					_ = c.Close()
					c = nil
				}
			}
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(true); err != nil {
		return err
	}
	var nothing any
	_ = in.Decode(&nothing) // until the other side closes
	cancel()
	group.Wait()
	done.Seconds = time.Since(begun).Seconds()
	return json.NewEncoder(os.Stdout).Encode(done)
}

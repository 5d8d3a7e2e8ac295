package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	switches      = 20
	callsPerSec   = 500
	switchCallers = 64
)

// release measures calls that come at 500 a second while releases of two functions are made and taken back: how many are
// lost, how long they take, how long a switch takes.
func release(ctx context.Context, b *bench) error {
	versions := map[string][2]int64{}
	for _, name := range []string{"switched-a", "switched-b"} {
		var pair [2]int64
		for i := range pair {
			code := fmt.Sprintf("exports.main = async () => %d", i+1)
			files := []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(code))}}
			var made struct{ Version int64 }
			if err := call(ctx, "PUT", b.URL+"/v1/manage/apps/"+b.App+"/functions/"+name, b.APIKey, map[string]any{"files": files, "prepare": true}, &made); err != nil {
				return err
			}
			pair[i] = made.Version
		}
		versions[name] = pair
	}
	put := func(i int) error {
		live := map[string]int64{}
		for name, pair := range versions {
			live[name] = pair[i%2]
		}
		return b.post(ctx, "/v1/manage/apps/"+b.App+"/releases", b.APIKey, map[string]any{"functions": live}, nil)
	}
	if err := put(0); err != nil {
		return err
	}
	c := &callers{due: make(chan time.Time, callsPerSec)}
	var group sync.WaitGroup
	for i := range switchCallers {
		name := []string{"switched-a", "switched-b"}[i%2]
		group.Go(func() { c.serve(ctx, b, b.function(name, []byte("{}"))) })
	}
	ending := make(chan struct{})
	var pacing sync.WaitGroup
	pacing.Go(func() { c.pace(ending) })
	var took []float64
	failed := error(nil)
	for i := range switches {
		select {
		case <-time.After(b.lasting):
		case <-ctx.Done():
			failed = ctx.Err()
		}
		begun := time.Now()
		if failed == nil {
			failed = put(i + 1)
		}
		if failed != nil {
			break
		}
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
	}
	close(ending)
	pacing.Wait()
	close(c.due)
	group.Wait()
	if failed != nil {
		return failed
	}
	slices.Sort(took)
	slices.Sort(c.latencies)
	fmt.Printf("\n## Releases under load\n\n%d calls at %d a second on %d connections, %d releases of two functions. Load %s.\n\n", len(c.latencies), callsPerSec, switchCallers, switches, loadAverage())
	fmt.Printf("| calls lost or answered by neither version | target | p50 ms | p99 ms | longest ms | a release, p50 ms | longest ms |\n|---|---|---|---|---|---|---|\n")
	fmt.Printf("| %d | 0: %s | %.1f | %.1f | %.1f | %.1f | %.1f |\n", c.lost, verdict(float64(c.lost), 0, true), quantile(c.latencies, .5), quantile(c.latencies, .99), quantile(c.latencies, 1), quantile(took, .5), quantile(took, 1))
	if c.lost > 0 {
		return fmt.Errorf("%d calls were lost, one of them because of: %w", c.lost, c.why)
	}
	return nil
}

// callers call when it is due. How long a call took counts from then, not from when a connection was free.
type callers struct {
	due chan time.Time

	mu        sync.Mutex
	latencies []float64 // milliseconds
	lost      int
	why       error
}

// pace makes calls due until ending is closed.
func (c *callers) pace(ending <-chan struct{}) {
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(n) * time.Second / callsPerSec)
		select {
		case <-time.After(time.Until(due)):
			c.due <- due
		case <-ending:
			return
		}
	}
}

func (c *callers) serve(ctx context.Context, b *bench, request []byte) {
	var conn *connection
	for due := range c.due {
		err := error(nil)
		if conn == nil {
			conn, err = dial(ctx, b.host)
		}
		if err == nil {
			if err = conn.do(request); err == nil {
				err = oneOfTwo(conn.body)
			}
		}
		c.mu.Lock()
		c.latencies = append(c.latencies, float64(time.Since(due).Microseconds())/1000)
		if err != nil {
			c.lost++
			c.why = err
			conn = nil
		}
		c.mu.Unlock()
	}
}

func oneOfTwo(body []byte) error {
	var n int
	if err := json.Unmarshal(body, &n); err != nil {
		return err
	}
	if n != 1 && n != 2 {
		return errors.New("the answer is of neither version: " + string(body))
	}
	return nil
}

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	// exchangeBudget is what an HTTP function with killLimit may compute since something has moved on its connection.
	exchangeBudget = 2 * killLimit
	// idleBudget is what any function may compute after its last reply.
	idleBudget = time.Second
)

// burning measures the limits of processor time that come before any of time: of HTTP functions that have begun to reply, and
// of what goes on after a reply. For other calls it is twice the time limit for all threads together, which takes more than
// two processors to come first.
func burning(ctx context.Context, b *bench) error {
	if runtime.GOOS != "linux" {
		return nil // what a process has used is not to be seen
	}
	fmt.Printf("\n## Ends of functions that compute\n\n%d calls of each, one after the other. Milliseconds of processor time beyond the limit, until the process is gone. Load %s.\n\n| code | limit | min | median | max | target |\n|---|---|---|---|---|---|\n", b.rounds, loadAverage())
	for _, kind := range []struct {
		what, name, code string
		limit            time.Duration
		once             func(context.Context, *bench, string) (time.Duration, error)
	}{
		{"HTTP, after the first bytes", "burns-exchange", `require('http').createServer((request, response) => {
  if (request.url === '/warm') return response.end('warm')
  response.write('begun')
  setTimeout(() => { for (;;); }, 1)
}).listen(9000)`, exchangeBudget, burnExchange},
		{"after the reply", "burns-later", `exports.main = async event => {
  if (!event.warm) setTimeout(() => { for (;;); }, 1)
  return 'a reply'
}`, idleBudget, burnLater},
	} {
		files := []map[string]string{{"path": "index.js", "content": base64.StdEncoding.EncodeToString([]byte(kind.code))}}
		settings := map[string]any{"timeoutSeconds": killLimit.Seconds()}
		if err := call(ctx, "PUT", b.URL+"/v1/manage/apps/"+b.App+"/functions/"+kind.name, b.APIKey, map[string]any{"files": files, "settings": settings}, nil); err != nil {
			return err
		}
		var late spread
		for range b.rounds {
			took, err := kind.once(ctx, b, kind.name)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.what, err)
			}
			late = append(late, microseconds(took-kind.limit)/1000)
		}
		fmt.Printf("| %s | %s | %.1f | %.1f | %.1f | max <= 50: %s |\n", kind.what, kind.limit, slices.Min(late), late.median(), slices.Max(late), verdict(slices.Max(late), 50, true))
	}
	return nil
}

// burnExchange returns how much processor time the process used after the first bytes of its reply until it was gone.
func burnExchange(ctx context.Context, b *bench, name string) (time.Duration, error) {
	get := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/http/"+b.App+"/"+name+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+b.token)
		return http.DefaultClient.Do(r)
	}
	warm, err := get("/warm")
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(warm.Body)
	if err != nil || string(text) != "warm" {
		return 0, fmt.Errorf("the reply is %.200q: %w", text, err)
	}
	warm.Body.Close()
	w, err := watchProcesses(b.PID)
	if err != nil {
		return 0, err
	}
	response, err := get("/")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	first := make([]byte, len("begun"))
	if _, err := io.ReadFull(response.Body, first); err != nil || string(first) != "begun" {
		return 0, fmt.Errorf("the first bytes are %q: %w", first, err)
	}
	w.begin()
	used, err := w.end(ctx)
	if err != nil {
		return 0, err
	}
	if rest, err := io.ReadAll(response.Body); err == nil {
		return 0, fmt.Errorf("the reply ended well, with %.200q", rest)
	}
	return used, nil
}

// burnLater returns how much processor time the process used after the reply until it was gone.
func burnLater(ctx context.Context, b *bench, name string) (time.Duration, error) {
	path := "/v1/apps/" + b.App + "/functions/" + name
	if err := b.post(ctx, path, b.token, map[string]bool{"warm": true}, nil); err != nil {
		return 0, err
	}
	w, err := watchProcesses(b.PID)
	if err != nil {
		return 0, err
	}
	if err := b.post(ctx, path, b.token, struct{}{}, nil); err != nil {
		return 0, err
	}
	w.begin()
	used, err := w.end(ctx)
	if err != nil {
		return 0, err
	}
	return used, b.wasTold(ctx, name)
}

// processes finds the one of them that computes, and how much. Its measure is processor time and not time, which a machine
// that does something else has less of.
type processes map[int]time.Duration

func watchProcesses(server int) (processes, error) {
	all, err := descendants(server)
	if err != nil {
		return nil, err
	}
	w := processes{}
	for _, pid := range all {
		w[pid] = 0
	}
	return w, nil
}

// begin is from when on they are watched.
func (w processes) begin() {
	for pid := range w {
		used, err := computed(pid)
		if w[pid] = used; err != nil {
			delete(w, pid)
		}
	}
}

// end waits until the one that computes most is gone and returns what it has used.
func (w processes) end(ctx context.Context) (time.Duration, error) {
	busy, used := 0, time.Duration(0)
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		for pid, from := range w {
			now, err := computed(pid)
			switch {
			case err == nil && now-from > used:
				busy, used = pid, now-from
			case err != nil && pid == busy:
				return used, nil
			case err != nil:
				delete(w, pid)
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("process %d computes on, %s so far", busy, used)
}

// wasTold looks for the line that tells the author why the process is gone.
func (b *bench) wasTold(ctx context.Context, name string) error {
	var reply struct {
		Invocations []struct{ Lines []struct{ Message string } }
	}
	for begun := time.Now(); ; {
		if err := b.post(ctx, "/v1/manage/apps/"+b.App+"/logs", b.APIKey, map[string]any{"function": name, "search": "went on computing after its reply"}, &reply); err != nil {
			return err
		}
		if len(reply.Invocations) > 0 && len(reply.Invocations[0].Lines) > 0 && strings.Contains(reply.Invocations[0].Lines[0].Message, "after its reply") {
			return nil
		}
		if time.Since(begun) > 10*time.Second {
			return fmt.Errorf("the logs of %s do not tell that its process was ended", name)
		}
		select { // the server stores logs a moment later, and tells nobody when
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// framework is a server of functions to compare with.
type framework struct {
	name   string
	target float64 // Yunduo's requests for each of its own, at the least
	start  []string
}

// frameworks compares warm calls with those of the published frameworks, installed from npm, and with a bare Node server.
// They know neither users nor sandboxes.
func frameworks(ctx context.Context, b *bench) error {
	root, err := filepath.Abs(b.frameworks)
	if err != nil {
		return err
	}
	peers := []framework{
		{"@cloudbase/functions-framework", 4, []string{"@cloudbase/functions-framework/bin/tcb-ff.js", "--source", "index.js", "--logDirname", filepath.Join(b.dir, "cloudbase-logs")}},
		{"@google-cloud/functions-framework", 6, []string{"@google-cloud/functions-framework/build/src/main.js", "--target", "main"}},
	}
	all := []load{
		{address: b.peer, next: always(request(b.peer, "/", []byte(event))), check: echoed},
		{address: b.host, next: always(b.function("echo", []byte(event))), check: echoed},
	}
	names := []string{"bare Node", "yunduo"}
	for i, p := range peers {
		address, stop, err := p.run(ctx, b.node, root, []string{"cloudbase", "google"}[i])
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		defer stop()
		all = append(all, load{address: address, next: always(request(address, "/", []byte(event))), check: echoed})
		names = append(names, p.name)
	}
	fmt.Printf("\n## Warm calls, beside frameworks\n\n| connections | server | requests/s | p50 us | p99 ms | yunduo's requests/s : its own | target | load |\n|---|---|---|---|---|---|---|---|\n")
	for _, clients := range []int{1, 16, 64} {
		for i := range all {
			all[i].clients = clients
		}
		results, err := b.sideBySide(ctx, all...)
		if err != nil {
			return err
		}
		for i, r := range results {
			ratio, judged := "1", ""
			if i != 1 {
				over := rates(results[1]).over(rates(r))
				ratio = over.text(2)
				if target := map[int]float64{0: 1, 2: peers[0].target, 3: peers[1].target}[i]; clients > 1 {
					judged = fmt.Sprintf(">= %.0f: %s", target, verdict(over.median(), target, false))
				}
			}
			fmt.Printf("| %d | %s | %s | %s | %s | %s | %s | %s |\n", clients, names[i], rates(r).text(0), p50s(r).text(0), p99s(r).text(1), ratio, judged, loads(r))
		}
	}
	return nil
}

// run starts the framework on the function in a folder and returns its address.
func (f framework) run(ctx context.Context, node, root, folder string) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = l.Addr().String()
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	arguments := append([]string{"-r", filepath.Join(root, "loopback.js"), filepath.Join(root, "node_modules", f.start[0])}, f.start[1:]...)
	command := exec.Command(node, append(arguments, "--port", strconv.Itoa(port))...)
	command.Dir = filepath.Join(root, folder)
	command.Env = append(os.Environ(), "NODE_ENV=production")
	stop, ended, err := startProcess(command, nil)
	if err != nil {
		return "", nil, err
	}
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			return address, stop, c.Close()
		}
		select {
		case <-ctx.Done():
			stop()
			return "", nil, ctx.Err()
		case <-ended:
			return "", nil, fmt.Errorf("it ended before it listened; has npm ci been run in %s?", root)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

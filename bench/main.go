// Command bench measures Yunduo side by side with its peers: it starts the servers on loopback with throw-away data,
// loads them in interleaved rounds and prints the figures, their ratios and the targets as Markdown.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	*platform
	peer     string // address of the bare Node server
	rounds   int
	lasting  time.Duration
	cold     int
	settling time.Duration
	seeded   []string // IDs of the documents in notes
}

type measurement struct {
	name string
	run  func(context.Context, *bench) error
}

func measurements() []measurement {
	return []measurement{{"invoke", invoke}, {"cold", coldStart}, {"reads", functionReads}, {"documents", documents}, {"admin", admin}}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{}
	binary := flag.String("yunduo", "bin/yunduo", "the binary to measure")
	node := flag.String("node", "node", "the node executable of the peer")
	only := flag.String("only", "", "measure these only, separated by commas: invoke, cold, reads, documents, admin")
	flags := flag.String("flags", "", "further flags of yunduo, separated by blanks")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of each measurement")
	flag.DurationVar(&b.lasting, "round", 2*time.Second, "length of a round")
	flag.IntVar(&b.cold, "cold", 40, "functions called for the first time")
	flag.DurationVar(&b.settling, "settling", 200*time.Millisecond, "pause before each first call, in which the pool fills up")
	flag.Parse()
	// One thread of Go code for the client, as wrk -t1: more would take from the servers what they are measured by.
	runtime.GOMAXPROCS(1)

	version, err := exec.CommandContext(ctx, *node, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", *node, err)
	}
	dir, err := os.MkdirTemp("", "yunduo-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeProject(dir, b.cold); err != nil {
		return err
	}
	var stopPeer func()
	if b.peer, stopPeer, err = startPeer(*node, dir); err != nil {
		return err
	}
	defer stopPeer()
	if b.platform, err = startPlatform(ctx, *binary, dir, strings.Fields(*flags)); err != nil {
		return err
	}
	defer b.stop()

	fmt.Printf("%s\n\n%s. %d rounds of %s, interleaved; median [min-max] of the rounds. Load average before: %s.\n",
		time.Now().UTC().Format(time.DateOnly), machine(strings.TrimSpace(string(version))), b.rounds, b.lasting, loadAverage())
	for _, m := range measurements() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), m.name) {
			continue
		}
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

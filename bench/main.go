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
	"strconv"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	*platform
	dir      string // of everything that is thrown away
	project  string // folder that the platform of most measurements watches
	peer     string // address of the bare Node server
	rounds   int
	lasting  time.Duration
	cold     int
	settling time.Duration
	seeded   []string // IDs of the documents in notes

	node, frameworks string // the executable of Node.js, and the folder of the frameworks

	binary, pocketbase string   // executables
	flags              []string // of yunduo
	stored             int      // documents before anything is measured
	sizes, watchers    counts
	changes            int           // of a fan-out
	idle               time.Duration // of watchers, before memory is looked at
	deployed           int           // functions, of density
	soaking            time.Duration // of a soak
	operation          string        // the only one of the dialects that is measured; empty measures all
	plot               string        // file of the plot of growth or soak
}

type measurement struct {
	name string
	run  func(context.Context, *bench) error
	// alone measurements start servers of their own, take long and are made only when they are named.
	alone bool
}

func measurements() []measurement {
	return []measurement{
		{"invoke", invoke, false}, {"cold", coldStart, false}, {"reads", functionReads, false}, {"documents", documents, false}, {"admin", admin, false},
		{"dialects", dialects, false}, {"frameworks", frameworks, false}, {"release", release, false}, {"publish", publish, false}, {"kills", killing, false},
		{"bundles", firstCallsOfBundles, false},
		{"peers", peers, true}, {"fanout", fanOut, true}, {"growth", growth, true}, {"density", density, true}, {"fair", fair, true}, {"soak", soak, true},
	}
}

// chosen returns the measurements named, without names all that are not alone.
func chosen(names string) ([]measurement, error) {
	all := measurements()
	if names == "" {
		return slices.DeleteFunc(all, func(m measurement) bool { return m.alone }), nil
	}
	wanted := strings.Split(names, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(m measurement) bool { return m.name == name }) {
			return nil, fmt.Errorf("-only: there is no measurement %q", name)
		}
	}
	return slices.DeleteFunc(all, func(m measurement) bool { return !slices.Contains(wanted, m.name) }), nil
}

// counts is a flag: numbers separated by commas.
type counts []int

func (c *counts) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint([]int(*c)), " ", ","), "[]")
}

func (c *counts) Set(text string) error {
	*c = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no positive number", word)
		}
		*c = append(*c, n)
	}
	return nil
}

func main() {
	if address := os.Getenv(floodVariable); address != "" {
		if err := floodUntilStopped(address); err != nil {
			fmt.Fprintln(os.Stderr, "flood:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{sizes: counts{10_000, 100_000, 1_000_000}, watchers: counts{1_000, 10_000}}
	flag.StringVar(&b.binary, "yunduo", "bin/yunduo", "the binary to measure")
	flag.StringVar(&b.pocketbase, "pocketbase", "bin/bench-pocketbase", "the peer of documents and fan-out")
	flag.StringVar(&b.node, "node", "node", "the node executable of the peers of functions")
	flag.StringVar(&b.frameworks, "frameworks", "bench/frameworks", "the folder of the frameworks, in which npm ci has been run")
	only := flag.String("only", "", "measure these only, separated by commas: invoke, cold, reads, documents, admin, dialects, frameworks, release, publish, kills, bundles, and when named only: peers, fanout, growth, density, fair, soak")
	flags := flag.String("flags", "", "further flags of yunduo, separated by blanks")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of each measurement")
	flag.DurationVar(&b.lasting, "round", 2*time.Second, "length of a round")
	flag.IntVar(&b.cold, "cold", 40, "functions called for the first time")
	flag.DurationVar(&b.settling, "settling", 200*time.Millisecond, "pause before each first call, in which the pool fills up")
	flag.IntVar(&b.stored, "documents", 100_000, "peers: documents in the collection before anything is measured")
	flag.Var(&b.watchers, "watchers", "fanout: how many watch, separated by commas")
	flag.IntVar(&b.changes, "changes", 11, "fanout: changes, one after the other")
	flag.DurationVar(&b.idle, "idle", 45*time.Second, "fanout: how long watchers are idle before memory is looked at; sockets are pinged every 30s")
	flag.Var(&b.sizes, "sizes", "growth: numbers of documents, rising, separated by commas")
	flag.IntVar(&b.deployed, "functions", 2000, "density: functions that are deployed")
	flag.StringVar(&b.operation, "operation", "", "dialects: this operation only: get by ID, list of 20, callFunction, insert")
	flag.DurationVar(&b.soaking, "soak", time.Hour, "soak: how long")
	flag.StringVar(&b.plot, "plot", "", "growth, soak: write the plot to this SVG file")
	flag.Parse()
	b.flags = strings.Fields(*flags)
	measured, err := chosen(*only)
	if err != nil {
		return err
	}
	// One thread of Go code for the client, as wrk -t1: more would take from the servers what they are measured by.
	runtime.GOMAXPROCS(1)

	version, err := exec.CommandContext(ctx, b.node, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", b.node, err)
	}
	if b.dir, err = os.MkdirTemp("", "yunduo-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if slices.ContainsFunc(measured, func(m measurement) bool { return !m.alone }) {
		stop, err := b.startCommon(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}

	fmt.Printf("%s\n\n%s. %d rounds of %s, interleaved; median [min-max] of the rounds. Load average before: %s.\n",
		time.Now().UTC().Format(time.DateOnly), machine(strings.TrimSpace(string(version))), b.rounds, b.lasting, loadAverage())
	for _, m := range measured {
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// startCommon starts the servers that most measurements share.
func (b *bench) startCommon(ctx context.Context) (stop func(), err error) {
	dir, err := os.MkdirTemp(b.dir, "common-")
	if err != nil {
		return nil, err
	}
	if err := writeProject(dir, b.cold); err != nil {
		return nil, err
	}
	peer, stopPeer, err := startPeer(b.node, dir)
	if err != nil {
		return nil, err
	}
	if b.platform, err = startPlatform(ctx, b.binary, dir, b.flags); err != nil {
		stopPeer()
		return nil, err
	}
	b.peer, b.project = peer, dir
	return func() { b.stop(); stopPeer() }, nil
}

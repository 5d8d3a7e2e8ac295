package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// growthClients is how many clients the requests of growth come from.
const growthClients = 16

// growth measures what requests and starts cost as the documents of a collection become more, and plots it.
func growth(ctx context.Context, b *bench) error {
	if !slices.IsSorted(b.sizes) || len(b.sizes) == 0 || b.sizes[0] < 1000 {
		return fmt.Errorf("-sizes: rising from 1000 on, not %s", b.sizes.String())
	}
	s, err := startNative(ctx, b)
	if err != nil {
		return err
	}
	defer func() { s.stop() }() // the one that runs then
	fmt.Printf("\n## Growth\n\nOne collection with an index; %d clients, an end user under a rule. A start lasts from the command to the reply to the first read by ID; the killed server was killed right after writes.\n\n", growthClients)
	fmt.Printf("| documents | create/s | get by ID/s | list of 20/s | start ms | start when killed ms | target | resident MB | on disk MB | load |\n|---|---|---|---|---|---|---|---|---|---|\n")
	all := &notes{store: s}
	lines := map[string]*series{}
	for _, name := range []string{"create", "get by ID", "list of 20", "start", "start when killed"} {
		lines[name] = &series{name: name}
	}
	for _, size := range b.sizes {
		if err := all.seed(ctx, size, batchOf); err != nil {
			return err
		}
		if err := s.renew(ctx); err != nil { // seeding may take longer than a token holds
			return err
		}
		g, err := b.grown(ctx, s, all)
		if err != nil {
			return err
		}
		judged := ""
		if size == 1_000_000 {
			judged = "start <= 1000 ms: " + verdict(g.start.median(), 1000, true)
		}
		fmt.Printf("| %d | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", size, rates(g.creates).text(0), rates(g.gets).text(0), rates(g.lists).text(0),
			g.start.text(0), g.killed.text(0), judged, megabytes(g.resident), megabytes(g.disk), loads(g.creates, g.gets, g.lists))
		for name, y := range map[string]float64{
			"create": cost(g.creates), "get by ID": cost(g.gets), "list of 20": cost(g.lists), "start": g.start.median(), "start when killed": g.killed.median(),
		} {
			lines[name].points = append(lines[name].points, point{float64(size), y})
		}
	}
	if b.plot == "" {
		return nil
	}
	text := plot("documents in the collection", []panel{
		{title: fmt.Sprintf("microseconds per request, %d clients", growthClients), series: []series{*lines["create"], *lines["get by ID"], *lines["list of 20"]}},
		{title: "milliseconds from command to first read", series: []series{*lines["start"], *lines["start when killed"]}},
	})
	fmt.Printf("\n![Cost of requests and starts by the number of documents](images/%s)\n", filepath.Base(b.plot))
	return os.WriteFile(b.plot, text, 0o644)
}

// cost is the server's time for a request in microseconds, with all clients at it.
func cost(rounds []round) float64 { return 1e6 / rates(rounds).median() }

// grown is what one size gave.
type grown struct {
	creates, gets, lists []round
	start, killed        spread // ms
	resident, disk       float64
}

func (b *bench) grown(ctx context.Context, s *native, all *notes) (*grown, error) {
	results, err := b.sideBySide(ctx, all.gets(growthClients), all.lists(growthClients))
	if err != nil {
		return nil, err
	}
	g := &grown{gets: results[0], lists: results[1]}
	if g.resident, err = resident(s.PID); err != nil {
		return nil, err
	}
	for range b.rounds {
		// Few, so that the size stays about what it is called.
		creates := all.creates(growthClients)
		creates.most = max(len(all.ids)/50, 500)
		r, err := creates.run(ctx, b.lasting)
		if err != nil {
			return nil, err
		}
		g.creates = append(g.creates, r)
		if err := s.kill(); err != nil {
			return nil, err
		}
		took, err := s.again(ctx, all.ids[len(all.ids)/2])
		if err != nil {
			return nil, fmt.Errorf("after a kill: %w", err)
		}
		g.killed = append(g.killed, took)
		s.stop()
		if took, err = s.again(ctx, all.ids[len(all.ids)/3]); err != nil {
			return nil, fmt.Errorf("after a stop: %w", err)
		}
		g.start = append(g.start, took)
	}
	g.disk, err = onDisk(s.dir)
	return g, err
}

// again starts the server on the data it had and returns how many milliseconds it took until a document was read.
func (s *native) again(ctx context.Context, id string) (float64, error) {
	begun := time.Now()
	if err := s.launch(ctx, s.b.binary, s.dir, s.b.flags); err != nil {
		return 0, err
	}
	c, err := dial(ctx, s.host)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = c.do(s.get(id))
	return microseconds(time.Since(begun)) / 1000, err
}

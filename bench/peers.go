package main

import (
	"context"
	"fmt"
)

// batchOf is how many documents are seeded at once.
const batchOf = 1000

// peers compares documents over HTTP with PocketBase: the same collection, index, rule and kind of user.
func peers(ctx context.Context, b *bench) error {
	if b.stored < 1000 {
		return fmt.Errorf("-documents: at least 1000, not %d", b.stored)
	}
	pb, err := startPocketBase(ctx, b)
	if err != nil {
		return err
	}
	defer pb.stop()
	own, err := startNative(ctx, b)
	if err != nil {
		return err
	}
	defer own.stop()
	if err := pb.batches(ctx, true); err != nil {
		return err
	}
	peer, ours := &notes{store: pb}, &notes{store: own}
	for _, s := range []*notes{peer, ours} {
		if err := s.seed(ctx, b.stored, batchOf); err != nil {
			return err
		}
	}
	if err := pb.batches(ctx, false); err != nil {
		return err
	}
	if err := own.renew(ctx); err != nil { // seeding may take longer than a token holds
		return err
	}
	if err := b.compare(ctx, peer, ours); err != nil {
		return err
	}
	if err := b.readsUnderWrites(ctx, peer, ours); err != nil {
		return err
	}
	fmt.Printf("\nResident memory at the end, of the server process alone:")
	for _, s := range []store{pb, own} {
		bytes, err := resident(s.process())
		if err != nil {
			return err
		}
		fmt.Printf(" %s %s MB.", s.name(), megabytes(bytes))
	}
	fmt.Println()
	return nil
}

func (b *bench) compare(ctx context.Context, peer, ours *notes) error {
	fmt.Printf("\n## Documents over HTTP, beside PocketBase\n\n%d documents of about 500 bytes before the first round. Our writes are acknowledged when they are on disk, the peer's before.\n\n", b.stored)
	fmt.Printf("| operation | clients | server | requests/s | p50 us | p99 ms | ours : peer | target | load |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, op := range []struct {
		name   string
		load   func(*notes, int) load
		target float64
	}{
		{"create", (*notes).creates, 3}, {"update one field", (*notes).updates, 3}, {"get by ID", (*notes).gets, 2}, {"list of 20", (*notes).lists, 1.5},
	} {
		for _, clients := range []int{16, 64} {
			results, err := b.sideBySide(ctx, op.load(peer, clients), op.load(ours, clients))
			if err != nil {
				return fmt.Errorf("%s: %w", op.name, err)
			}
			ratio := rates(results[1]).over(rates(results[0]))
			for n, s := range []*notes{peer, ours} {
				r, compared := results[n], "1 | "
				if n == 1 {
					compared = fmt.Sprintf("%s | >= %g: %s", ratio.text(2), op.target, verdict(ratio.median(), op.target, false))
				}
				fmt.Printf("| %s | %d | %s | %s | %s | %s | %s | %s |\n", op.name, clients, s.name(), rates(r).text(0), p50s(r).text(0), p99s(r).text(1), compared, loads(r))
			}
		}
	}
	return nil
}

// readsUnderWrites measures what readers notice of writers.
func (b *bench) readsUnderWrites(ctx context.Context, peer, ours *notes) error {
	const writers, readers, target = 64, 8, 50
	fmt.Printf("\n## Reads while %d clients write\n\n%d clients create and update by turns, %d get by ID and %d list, all at once.\n\n", writers, writers, readers, readers)
	fmt.Printf("| server | writes/s | write p99 ms | gets/s | get p99 ms | lists/s | list p99 ms | target | load |\n|---|---|---|---|---|---|---|---|---|\n")
	servers := []*notes{peer, ours}
	results := make([][3][]round, len(servers)) // by server and load
	for i := range b.rounds + 1 {
		for n, s := range servers {
			rounds, err := together(ctx, b.lasting, s.writes(writers), s.gets(readers), s.lists(readers))
			if err != nil {
				return fmt.Errorf("%s: %w", s.name(), err)
			}
			for which, r := range rounds {
				if i > 0 { // the first one warms up
					results[n][which] = append(results[n][which], r)
				}
			}
		}
	}
	for n, s := range servers {
		writes, gets, lists := results[n][0], results[n][1], results[n][2]
		judged := ""
		if s == ours {
			judged = fmt.Sprintf("p99 of reads <= %d ms: %s", target, verdict(max(p99s(gets).median(), p99s(lists).median()), target, true))
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", s.name(), rates(writes).text(0), p99s(writes).text(1),
			rates(gets).text(0), p99s(gets).text(1), rates(lists).text(0), p99s(lists).text(1), judged, loads(writes))
	}
	return nil
}

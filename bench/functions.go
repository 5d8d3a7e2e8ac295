package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// event is 170 bytes of JSON, in the form in which both Node and Yunduo write it.
const event = `{"action":"list","page":3,"size":20,"filter":{"text":"a few words of a query","tags":["one","two","three"],"open":true},"user":{"name":"小云","id":"u-0123456789abcdef"}}`

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has a JSON text
	}
	return string(quoted)
}

func (b *bench) bearer() string { return "Authorization: Bearer " + b.token }

func (b *bench) function(name string, body []byte) []byte {
	return request(b.host, "/v1/apps/"+b.App+"/functions/"+name, body, b.bearer())
}

func always(text []byte) func(int, int) []byte { return func(int, int) []byte { return text } }

// echoed takes the event with or without the member userInfo, which the platform adds for end users.
func echoed(_, _ int, body []byte) error {
	if string(body) != event && !bytes.HasPrefix(body, []byte(event[:len(event)-1]+`,"userInfo":{`)) {
		return fmt.Errorf("the reply is not the event: %.300s", body)
	}
	return nil
}

// invoke compares a warm echo function, called by an end user, with a bare Node server.
func invoke(ctx context.Context, b *bench) error {
	fmt.Printf("\n## Warm invoke\n\n| connections | target | requests/s | p50 us | p99 ms | requests/s : Node | p50 : Node | target | load |\n|---|---|---|---|---|---|---|---|---|\n")
	own := load{address: b.host, next: always(b.function("echo", []byte(event))), check: echoed}
	peer := load{address: b.peer, next: always(request(b.peer, "/", []byte(event))), check: echoed}
	for _, clients := range []int{1, 16, 64} {
		own.clients, peer.clients = clients, clients
		results, err := b.sideBySide(ctx, peer, own)
		if err != nil {
			return err
		}
		node, ours := results[0], results[1]
		rate, p50 := rates(ours).over(rates(node)), p50s(ours).over(p50s(node))
		judged := "throughput >= 0.8: " + verdict(rate.median(), .8, false)
		if clients == 1 {
			judged = "p50 <= 2.5: " + verdict(p50.median(), 2.5, true)
		}
		fmt.Printf("| %d | bare Node | %s | %s | %s | 1 | 1 | | %s |\n", clients, rates(node).text(0), p50s(node).text(0), p99s(node).text(1), loads(node))
		fmt.Printf("| %d | yunduo | %s | %s | %s | %s | %s | %s | %s |\n", clients, rates(ours).text(0), p50s(ours).text(0), p99s(ours).text(1), rate.text(2), p50.text(2), judged, loads(ours))
	}
	return nil
}

// sideBySide warms each load up and then runs them by turns.
func (b *bench) sideBySide(ctx context.Context, all ...load) ([][]round, error) {
	results := make([][]round, len(all))
	for i := range b.rounds + 1 {
		for n, l := range all {
			lasting := b.lasting
			if i == 0 {
				lasting /= 2
			}
			r, err := l.run(ctx, lasting)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				results[n] = append(results[n], r)
			}
		}
	}
	return results, nil
}

// coldStart compares the first call of functions that use wx-server-sdk with later calls of the same functions.
func coldStart(ctx context.Context, b *bench) error {
	c, err := dial(ctx, b.host)
	if err != nil {
		return err
	}
	defer c.Close()
	var first, warm, difference spread
	for i := range b.cold {
		select { // the pool of blank processes fills up again
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(b.settling):
		}
		cold, later, err := b.firstAndWarm(c, coldName(i), []byte("{}"), `"collection":"function"`)
		if err != nil {
			return err
		}
		first, warm = append(first, cold), append(warm, later)
		difference = append(difference, first[i]-warm[i])
	}
	slices.Sort(difference)
	fmt.Printf("\n## First call of a function that uses wx-server-sdk\n\n%d functions, each called once for the first time, then %d times; %s before each. Load %s.\n\n", b.cold, 11, b.settling, loadAverage())
	fmt.Printf("| first call ms | warm call ms | first over warm ms | p90 of that | target |\n|---|---|---|---|---|\n| %s | %s | %s | %.1f | <= 5: %s |\n",
		first.text(1), warm.text(2), difference.text(1), quantile(difference, .9), verdict(difference.median(), 5, true))
	return nil
}

// functionReads measures document reads by ID from inside a function, and the calls around them.
func functionReads(ctx context.Context, b *bench) error {
	ids, err := b.seed(ctx, 1000)
	if err != nil {
		return err
	}
	fmt.Printf("\n## Document reads inside a function\n\nOne caller at a time, reads one after the other, timed inside with process.hrtime.\n\n| reads | per read us | whole call us | target | load |\n|---|---|---|---|---|\n")
	for _, count := range []int{1, 10} {
		var inside []time.Duration
		l := load{address: b.host, clients: 1, next: func(_, i int) []byte {
			chosen := make([]string, count)
			for n := range chosen {
				chosen[n] = ids[(i*count+n)*7%len(ids)]
			}
			body, err := json.Marshal(map[string][]string{"ids": chosen})
			if err != nil {
				panic(err) // strings always have a JSON text
			}
			return b.function("reads", body)
		}, check: func(_, _ int, body []byte) error {
			ns, err := strconv.ParseInt(string(body), 10, 64)
			inside = append(inside, time.Duration(ns))
			return err
		}}
		if _, err := l.run(ctx, b.lasting); err != nil { // warm up
			return err
		}
		var reads, calls spread
		var all []round
		for range b.rounds {
			inside = inside[:0]
			r, err := l.run(ctx, b.lasting)
			if err != nil {
				return err
			}
			slices.Sort(inside)
			all = append(all, r)
			reads, calls = append(reads, microseconds(quantile(inside, .5))/float64(count)), append(calls, microseconds(r.p50))
		}
		fmt.Printf("| %d | %s | %s | <= 150 a read: %s | %s |\n", count, reads.text(0), calls.text(0), verdict(reads.median(), 150, true), loads(all))
	}
	return nil
}

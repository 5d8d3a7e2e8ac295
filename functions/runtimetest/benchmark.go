package runtimetest

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yunduo/functions/runtime"
)

// Benchmark measures warm invocations by number of clients, calls to the host, and cold starts.
func (s Suite) Benchmark(b *testing.B) {
	bench := s.bench(b)
	event := `{"id":"` + strings.Repeat("x", 140) + `","n":1}`
	echo := bench.load(b, `exports.main = async event => event`)
	for _, clients := range []int{1, 16, 64} {
		b.Run("warm/clients="+strconv.Itoa(clients), func(b *testing.B) { bench.clients(b, echo, clients, event) })
	}
	b.Run("call/clients=1", func(b *testing.B) {
		p := bench.load(b, `exports.main = async event => (await require('wx-server-sdk').call('x', event)).response`)
		bench.clients(b, p, 1, event, withHost(echoHost))
	})
	for name, code := range map[string]string{
		"small": `exports.main = async event => event`,
		"400KB": strings.Repeat("exports.f = function (a, b) { if (a) { return b } else { return a + b + 'some text' } }\n", 4600) + "exports.main = async event => event",
	} {
		b.Run("cold/"+name, func(b *testing.B) {
			first := bench.load(b, code)
			for b.Loop() {
				b.StopTimer()
				// What a first process of this version left behind is there; the process is not.
				time.Sleep(150 * time.Millisecond) // the pool refills
				b.StartTimer()
				p := first
				if name == "small" {
					p = bench.load(b, code)
				}
				if _, err := p.Invoke(b.Context(), bench.invocation(event)); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if name == "small" {
					p.Close(b.Context())
				} else {
					p.Close(b.Context())
					first = bench.load(b, code)
				}
				b.StartTimer()
			}
		})
	}
}

// clients spreads b.N invocations over clients that each wait for their answer, and reports the median.
func (b *bench) clients(tb *testing.B, p runtime.Program, clients int, event string, change ...func(*runtime.Invocation)) {
	for range 200 { // compile, and fill the slots
		if _, err := p.Invoke(tb.Context(), b.invocation(event, change...)); err != nil {
			tb.Fatal(err)
		}
	}
	inv := b.invocation(event, change...)
	var left atomic.Int64
	left.Store(int64(tb.N))
	histogram := make([]atomic.Int64, 100_000)
	var group sync.WaitGroup
	tb.ResetTimer()
	for range clients {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				if _, err := p.Invoke(tb.Context(), inv); err != nil {
					tb.Error(err)
					return
				}
				histogram[min(int(time.Since(start).Microseconds()), len(histogram)-1)].Add(1)
			}
		})
	}
	group.Wait()
	tb.StopTimer()
	tb.ReportMetric(quantile(histogram, tb.N, 0.5), "p50-µs")
	tb.ReportMetric(quantile(histogram, tb.N, 0.99), "p99-µs")
}

func quantile(histogram []atomic.Int64, n int, q float64) float64 {
	seen := int64(0)
	for i := range histogram {
		if seen += histogram[i].Load(); float64(seen) >= q*float64(n) {
			return float64(i)
		}
	}
	return float64(len(histogram))
}

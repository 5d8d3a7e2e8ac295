package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// round is what one round of a load gave.
type round struct {
	rate     float64 // requests per second
	count    int     // requests
	p50, p99 time.Duration
	load     string // the machine's load average over the last minute
}

func newRound(latencies []time.Duration, took time.Duration) round {
	slices.Sort(latencies)
	return round{count: len(latencies), rate: float64(len(latencies)) / took.Seconds(), p50: quantile(latencies, .5), p99: quantile(latencies, .99), load: loadAverage()}
}

// quantile returns the q-quantile (nearest rank) of sorted values; zero of none.
func quantile[T any](sorted []T, q float64) T {
	var none T
	if len(sorted) == 0 {
		return none
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// spread is a set of figures of the same thing, one per round.
type spread []float64

func collect[T any](from []T, figure func(T) float64) spread {
	s := make(spread, len(from))
	for i, v := range from {
		s[i] = figure(v)
	}
	return s
}

// median returns the middle figure, the mean of the two middle ones of an even number.
func (s spread) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// text is "median [min-max]" with the given number of decimals.
func (s spread) text(decimals int) string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f [%.*f-%.*f]", decimals, s.median(), decimals, slices.Min(s), decimals, slices.Max(s))
}

// over divides round by round, so that a disturbance of one round touches one ratio.
func (s spread) over(other spread) spread {
	ratios := make(spread, 0, len(s))
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i]/other[i])
	}
	return ratios
}

func rates(rounds []round) spread { return collect(rounds, func(r round) float64 { return r.rate }) }
func p50s(rounds []round) spread {
	return collect(rounds, func(r round) float64 { return microseconds(r.p50) })
}
func p99s(rounds []round) spread {
	return collect(rounds, func(r round) float64 { return microseconds(r.p99) / 1000 })
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// verdict compares a figure with its target.
func verdict(figure, target float64, atMost bool) string {
	order := cmp.Compare(figure, target)
	if order == 0 || (order < 0) == atMost {
		return "met"
	}
	return "**missed**"
}

// loads names the load averages that the rounds saw.
func loads(rounds ...[]round) string {
	var values []string
	for _, r := range slices.Concat(rounds...) {
		values = append(values, r.load)
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	if len(values) == 0 {
		return "-"
	}
	return values[0] + "-" + values[len(values)-1]
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?" // not Linux
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// machine is the line that says on what the figures were measured.
func machine(node string) string {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "unknown kernel"
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = "Linux " + strings.TrimSpace(string(text))
	}
	return fmt.Sprintf("%d x %s, %s, %s, Node %s; clients and servers share the processors, all over loopback", runtime.NumCPU(), cpu, kernel, runtime.Version(), node)
}

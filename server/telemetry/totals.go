package telemetry

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"yunduo/functions"
)

const (
	pointsAtOnce = 2000      // of a metric that go into one request
	forgotten    = time.Hour // without a call, after which nothing is sent of a function any more
)

// totals are what functions have done since each was first heard of. They are read when metrics are sent, so that no call
// waits for the SDK.
type totals struct {
	mu  sync.Mutex
	all map[series]*total
}

type series struct{ app, function string }

type total struct {
	functions.Counted
	about  attribute.Set
	since  time.Time
	last   time.Time // when it was last called
	recent int64     // bytes of memory in the last minute
}

var _ sdkmetric.Producer = (*totals)(nil)

func newTotals() *totals { return &totals{all: map[series]*total{}} }

// add takes what a function has done until a time.
func (t *totals) add(c *functions.Counted, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	name := series{string(c.App), c.Function}
	sum := t.all[name]
	if sum == nil {
		sum = &total{since: at.Add(-time.Minute), about: attribute.NewSet(app.String(name.app), faasName.String(name.function)), last: at}
		sum.Latency = make([]uint64, len(c.Latency))
		t.all[name] = sum
	}
	sum.Calls += c.Calls
	sum.Errors += c.Errors
	sum.ColdStarts += c.ColdStarts
	sum.Took += c.Took
	sum.Queued += c.Queued
	sum.CPU += c.CPU
	sum.recent = c.Memory
	for i, n := range c.Latency {
		sum.Latency[i] += n
	}
	if c.Calls > 0 {
		sum.last = at
	}
}

// Produce implements sdkmetric.Producer. Names are those of OpenTelemetry's conventions where it has any.
func (t *totals) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.all, func(_ series, sum *total) bool { return now.Sub(sum.last) > forgotten })
	if len(t.all) == 0 {
		return nil, nil
	}
	names := slices.SortedFunc(maps.Keys(t.all), func(a, b series) int {
		if a.app != b.app {
			return strings.Compare(a.app, b.app)
		}
		return strings.Compare(a.function, b.function)
	})
	bounds := functions.LatencyBounds()
	durations := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	limits := make([]float64, len(bounds))
	for i, bound := range bounds {
		limits[i] = bound.Seconds()
	}
	memory := metricdata.Gauge[int64]{}
	for _, name := range names {
		sum := t.all[name]
		durations.DataPoints = append(durations.DataPoints, metricdata.HistogramDataPoint[float64]{
			Attributes: sum.about, StartTime: sum.since, Time: now, Count: uint64(sum.Calls), Sum: sum.Took.Seconds(), Bounds: limits, BucketCounts: slices.Clone(sum.Latency),
		})
		memory.DataPoints = append(memory.DataPoints, metricdata.DataPoint[int64]{Attributes: sum.about, Time: now, Value: sum.recent})
	}
	all := []metricdata.Metrics{
		counter(t, names, now, "faas.invocations", "{invocation}", "invocations that ended", func(s *total) int64 { return s.Calls }),
		counter(t, names, now, "faas.errors", "{error}", "invocations that failed", func(s *total) int64 { return s.Errors }),
		counter(t, names, now, "faas.coldstarts", "{coldstart}", "invocations that were the first of their process", func(s *total) int64 { return s.ColdStarts }),
		{Name: "faas.invoke_duration", Unit: "s", Description: "time of invocations as their callers saw it, waiting included", Data: durations},
		counter(t, names, now, "yunduo.faas.queue_time", "s", "time that invocations waited for a process", func(s *total) float64 { return s.Queued.Seconds() }),
		counter(t, names, now, "yunduo.faas.cpu_time", "s", "processor time of the processes", func(s *total) float64 { return s.CPU.Seconds() }),
		{Name: "yunduo.faas.memory", Unit: "By", Description: "the most memory that the processes had for themselves in the last minute", Data: memory},
	}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: "yunduo/functions"}, Metrics: all}}, nil
}

// counter is a metric that only rises. t.mu is held.
func counter[N int64 | float64](t *totals, names []series, now time.Time, name, unit, description string, value func(*total) N) metricdata.Metrics {
	sum := metricdata.Sum[N]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for _, one := range names {
		s := t.all[one]
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[N]{Attributes: s.about, StartTime: s.since, Time: now, Value: value(s)})
	}
	return metricdata.Metrics{Name: name, Unit: unit, Description: description, Data: sum}
}

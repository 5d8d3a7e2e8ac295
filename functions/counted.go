package functions

import (
	"math"
	"slices"
	"time"

	"yunduo"
)

// Counted is what a function did on this machine since it was last told.
type Counted struct {
	App                       yunduo.AppID
	Function                  string
	Calls, Errors, ColdStarts int64
	Took                      time.Duration // all calls, as their callers saw them
	Queued                    time.Duration // of it, until processes took them
	CPU                       time.Duration // that its processes used
	Memory                    int64         // the most bytes that they were seen to have for themselves
	Latency                   []uint64      // calls by duration: one bucket more than there are LatencyBounds
}

// LatencyBounds are the upper bounds of the buckets of durations; the last bucket has none.
func LatencyBounds() []time.Duration { return slices.Clone(latencyBounds) }

var latencyBounds = func() []time.Duration {
	bounds := make([]time.Duration, len(histogram{})-1)
	for i := range bounds {
		bounds[i] = time.Duration(float64(histogramFirst) * math.Pow(histogramRatio, float64(i)))
	}
	return bounds
}()

func (c *counts) counted(app yunduo.AppID, function string) Counted {
	all := Counted{
		App: app, Function: function, Calls: c.calls, Errors: c.errors, ColdStarts: c.cold, Took: c.took, Queued: c.queue, CPU: c.cpu, Memory: c.memory,
		Latency: make([]uint64, len(c.latency)),
	}
	for i, n := range c.latency {
		all.Latency[i] = uint64(n)
	}
	return all
}

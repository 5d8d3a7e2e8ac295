package functions

import (
	"math"
	"time"
)

// histogram counts durations by size: each bucket reaches three tenths further than the one before it, the last one
// beyond the longest time limit.
type histogram [64]uint32

const (
	histogramFirst = 50 * time.Microsecond
	histogramRatio = 1.3
)

var histogramScale = 1 / math.Log(histogramRatio)

// bucketOf returns the bucket of a duration.
func bucketOf(d time.Duration) int {
	if d <= histogramFirst {
		return 0
	}
	i := int(math.Ceil(math.Log(float64(d)/float64(histogramFirst)) * histogramScale))
	return min(i, len(histogram{})-1)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other {
		h[i] += n
	}
}

// quantile estimates the duration below which the share q of all lies; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	var total, seen float64
	for _, n := range h {
		total += float64(n)
	}
	if total == 0 {
		return 0
	}
	for i, n := range h {
		if n == 0 {
			continue
		}
		if seen+float64(n) >= q*total {
			upper := float64(histogramFirst) * math.Pow(histogramRatio, float64(i))
			lower := upper / histogramRatio
			if i == 0 {
				lower = 0
			}
			return time.Duration(lower + (upper-lower)*(q*total-seen)/float64(n))
		}
		seen += float64(n)
	}
	return 0
}

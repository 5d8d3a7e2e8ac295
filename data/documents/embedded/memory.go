package embedded

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"yunduo"
)

// memoryPool bounds what all queries together keep in memory.
type memoryPool struct {
	limit int64
	used  atomic.Int64
}

// take notes a change of what a query keeps; query_too_expensive, and no change, if it does not fit.
func (p *memoryPool) take(delta int64) error {
	if delta <= 0 || p.used.Add(delta) <= p.limit {
		if delta < 0 {
			p.used.Add(delta)
		}
		return nil
	}
	p.used.Add(-delta)
	return yunduo.Errorf(yunduo.ReasonQueryTooExpensive,
		"the queries that run now need all of the %d MiB that the server has for them: send this one again, or spare it the sorting by an index", p.limit>>20)
}

// containerMemory returns the limit of memory that a cgroup file states, the maximum if there is none.
func containerMemory(file string) int64 {
	const none = 1 << 62
	text, err := os.ReadFile(file)
	if err != nil {
		return none
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n <= 0 { // "max"
		return none
	}
	return n
}

package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	idleInterval   = 15 * time.Second
	idleAllocation = 8 << 20  // bytes allocated in an interval up to which the server counts as idle
	worthwhile     = 16 << 20 // bytes of garbage for which collecting is worth it
)

// heapUse is what the collector has counted.
type heapUse struct {
	allocated uint64 // since the start, in bytes
	held      uint64 // by objects, garbage included
	live      uint64 // after the last collection
}

func readHeapUse() heapUse {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return heapUse{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}

// idleSince reports whether so little has happened since before that the garbage from then is better given back to the
// system now than kept until the heap has grown.
func (u heapUse) idleSince(before heapUse) bool {
	return u.allocated-before.allocated <= idleAllocation && u.held >= u.live+worthwhile
}

// giveBackMemory collects garbage when the server falls idle, until ctx ends.
func giveBackMemory(ctx context.Context) error {
	ticker := time.NewTicker(idleInterval)
	defer ticker.Stop()
	before := readHeapUse()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := readHeapUse()
		if now.idleSince(before) {
			debug.FreeOSMemory()
		}
		before = now
	}
}

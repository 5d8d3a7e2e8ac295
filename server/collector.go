package server

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heapFloor is how far the heap may grow before it is collected, however little of it is in use, in bytes. A server
// with little data would otherwise collect many times a second under load.
const heapFloor = 192 << 20

// tuneCollector keeps the garbage collector from running before the heap has grown to the floor. The environment
// variable GOGC overrules it.
var tuneCollector = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		adjust(new(collected))
	}
})

// collected is garbage: that it is found out says that a collection has ended.
type collected struct{ _ [16]byte }

func adjust(*collected) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(growth(live[0].Value.Uint64()))
	runtime.SetFinalizer(new(collected), adjust)
}

// growth returns by how many percent a heap with so many live bytes may grow.
func growth(live uint64) int {
	const usual, most = 100, 2000
	if live == 0 {
		return most
	}
	return int(min(max(uint64(heapFloor)*100/live, usual+100)-100, most))
}

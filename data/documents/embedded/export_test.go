package embedded

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Sweep does one run of expiry and retention.
func (e *Engine) Sweep(ctx context.Context) error { return e.sweep(ctx) }

// BuildInChunks makes the engine build every index in the background, so many documents at a time.
func (e *Engine) BuildInChunks(documents int) { e.smallCollection, e.chunkDocuments = -1, documents }

// BeforeChunk has hold called before a builder takes on documents. Call it before any build.
func (e *Engine) BeforeChunk(hold func()) { e.beforeChunk = hold }

// QueryMemory returns what queries keep in memory.
func (e *Engine) QueryMemory() int64 { return e.queries.used.Load() }

// ContainerMemory reads a cgroup file.
func ContainerMemory(file string) int64 { return containerMemory(file) }

// Tuned returns options with other settings of Pebble.
func Tuned(o Options, tune func(*pebble.Options)) Options {
	o.tune = tune
	return o
}

// Compact rewrites the whole store, as time would.
func (e *Engine) Compact(ctx context.Context) error {
	return e.db.Compact(ctx, []byte{0}, []byte{0xff}, true)
}

// DiskBytes returns how much the store's tables take.
func (e *Engine) DiskBytes() uint64 { return e.db.Metrics().DiskSpaceUsage() }

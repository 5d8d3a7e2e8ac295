package embedded

import "context"

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

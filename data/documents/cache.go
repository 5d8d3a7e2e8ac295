package documents

import "sync"

// cache keeps values that are read far more often than written. A value read before an invalidation is never stored
// after it, so that whoever starts to read after a write sees the write.
type cache[K comparable, V any] struct {
	mu      sync.RWMutex
	entries map[K]V
	limit   int
	writes  uint64
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{entries: make(map[K]V), limit: limit}
}

// get returns the kept value or what load returns, which it keeps unless load failed.
func (c *cache[K, V]) get(key K, load func() (V, error)) (V, error) {
	c.mu.RLock()
	v, ok := c.entries[key]
	writes := c.writes
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := load()
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes != writes {
		return v, nil
	}
	if len(c.entries) >= c.limit {
		for old := range c.entries { // any one: map order is random enough for eviction
			delete(c.entries, old)
			break
		}
	}
	c.entries[key] = v
	return v, nil
}

// drop forgets one key. Call it after the write, whether or not that succeeded.
func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	delete(c.entries, key)
}

// clear forgets everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	clear(c.entries)
}

package documents

import "sync"

// cache keeps values that are read far more often than written. A value whose read began before an invalidation is not
// stored after it, so that whoever starts to read after a write sees the write.
type cache[K comparable, V any] struct {
	mu      sync.RWMutex
	entries map[K]V
	limit   int
	loading map[K]*loading
	refuse  func(K) bool // says that a value must not be kept now; nil if every one may
}

// loading are reads of one key that may still be kept.
type loading struct {
	readers int
	spoilt  bool // the key was invalidated since they began
}

// newCache makes a cache of at most limit values.
func newCache[K comparable, V any](limit int, refuse func(K) bool) *cache[K, V] {
	return &cache[K, V]{entries: make(map[K]V), limit: limit, loading: make(map[K]*loading), refuse: refuse}
}

// get returns the kept value or what load returns, which it keeps unless load failed.
func (c *cache[K, V]) get(key K, load func() (V, error)) (V, error) {
	c.mu.RLock()
	v, ok := c.entries[key]
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	read := c.begin(key)
	failed := true
	defer func() { c.end(key, read, v, failed) }() // also when load panics
	v, err := load()
	failed = err != nil
	return v, err
}

func (c *cache[K, V]) begin(key K) *loading {
	c.mu.Lock()
	defer c.mu.Unlock()
	read := c.loading[key]
	if read == nil {
		read = &loading{}
		c.loading[key] = read
	}
	read.readers++
	return read
}

func (c *cache[K, V]) end(key K, read *loading, v V, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if read.readers--; read.readers == 0 && c.loading[key] == read {
		delete(c.loading, key)
	}
	if failed || read.spoilt || c.refuse != nil && c.refuse(key) {
		return
	}
	if len(c.entries) >= c.limit {
		for old := range c.entries { // any one: map order is random enough for eviction
			delete(c.entries, old)
			break
		}
	}
	c.entries[key] = v
}

// drop forgets one key. Call it after the write, whether or not that succeeded.
func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if read := c.loading[key]; read != nil {
		read.spoilt = true
		delete(c.loading, key)
	}
	delete(c.entries, key)
}

// clear forgets everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, read := range c.loading {
		read.spoilt = true
	}
	clear(c.loading)
	clear(c.entries)
}

// Package keylock gives locks by name whose waiting ends with a context.
package keylock

import (
	"context"
	"sync"
)

// Locks are locks by name. The zero value is ready, and names that nobody holds or waits for cost nothing.
type Locks struct {
	mu    sync.Mutex
	locks map[string]*lock
}

type lock struct {
	held  chan struct{}
	users int
}

// Lock waits for the lock of that name and returns what gives it back; the context's error if that ends first.
func (l *Locks) Lock(ctx context.Context, name string) (unlock func(), err error) {
	l.mu.Lock()
	if l.locks == nil {
		l.locks = make(map[string]*lock)
	}
	k := l.locks[name]
	if k == nil {
		k = &lock{held: make(chan struct{}, 1)}
		l.locks[name] = k
	}
	k.users++
	l.mu.Unlock()
	select {
	case k.held <- struct{}{}:
		return sync.OnceFunc(func() {
			<-k.held
			l.leave(name, k)
		}), nil
	case <-ctx.Done():
		l.leave(name, k)
		return nil, ctx.Err()
	}
}

func (l *Locks) leave(name string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.locks, name)
	}
}

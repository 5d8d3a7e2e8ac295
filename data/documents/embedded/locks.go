package embedded

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"yunduo"
	"yunduo/data/documents/driver"
)

// stripeCount is how many locks all documents share.
const stripeCount = 1024

// stripe guards the documents whose keys hash to it. It is held while a document is read, changed and made visible,
// never while waiting for the disk or for a transaction. Locks are taken in this order: latches, stripes, commit
// section.
type stripe struct {
	mu sync.Mutex
	// intents says which open transaction has written a document, by document key.
	intents map[string]*transaction
}

func (e *Engine) stripeOf(documentKey []byte) int {
	return int(maphash.Bytes(e.seed, documentKey) % stripeCount)
}

// whileLocked runs write while documents and the collection's latch, which the caller has taken, are held; other is the
// transaction that holds one of the documents instead. They are given up even if write panics.
func (e *Engine) whileLocked(coll *collection, ids [][]byte, write func(*collection) (*pending, error)) (p *pending, other *transaction, err error) {
	defer coll.latch.RUnlock()
	unlock, other := e.lock(coll.documentKeys(ids))
	if other != nil {
		return nil, other, nil
	}
	defer unlock()
	p, err = write(coll)
	return p, nil, err
}

// withDocuments runs write with the documents locked that ids names, and the collection kept from changing. If an
// open transaction has written one of them, or taken a unique key that write adds, it waits for its end, at most Options.LockWait: then it returns
// transaction_conflict.
func (e *Engine) withDocuments(ctx context.Context, ns driver.Namespace, ids [][]byte, write func(*collection) (*pending, error)) (*pending, error) {
	var deadline <-chan time.Time
	for {
		coll, err := e.writable(ns)
		if err != nil {
			return nil, err
		}
		p, other, err := e.whileLocked(coll, ids, write)
		var busy *busyError
		if errors.As(err, &busy) {
			other = busy.holder
		}
		if other == nil {
			return p, err
		}
		if deadline == nil {
			timer := time.NewTimer(e.options.LockWait)
			defer timer.Stop()
			deadline = timer.C
		}
		select {
		case <-other.done:
		case <-deadline:
			return nil, errConflict()
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-e.gate.closing:
			return nil, errClosed()
		}
	}
}

func (c *collection) documentKeys(ids [][]byte) [][]byte {
	prefix := key(prefixDocument, c.app, c.id)
	keys := make([][]byte, len(ids))
	for i, id := range ids {
		keys[i] = append(slices.Clip(prefix), id...)
	}
	return keys
}

// lock locks documents, unless an open transaction has written one: then it returns that transaction.
func (e *Engine) lock(documentKeys [][]byte) (unlock func(), other *transaction) {
	order := make([]int, len(documentKeys))
	for i, k := range documentKeys {
		order[i] = e.stripeOf(k)
	}
	if len(order) > 1 {
		slices.Sort(order) // everybody locks in this order
		order = slices.Compact(order)
	}
	unlock = func() {
		for _, s := range order {
			e.stripes[s].mu.Unlock()
		}
	}
	for _, s := range order {
		e.stripes[s].mu.Lock()
	}
	for _, k := range documentKeys {
		if other := e.stripes[e.stripeOf(k)].intents[string(k)]; other != nil {
			unlock()
			return nil, other
		}
	}
	return unlock, nil
}

func errConflict() error {
	return yunduo.Errorf(yunduo.ReasonTransactionConflict, "another transaction has written the same document")
}

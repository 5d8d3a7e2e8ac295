package embedded

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"yunduo"
)

// openTransactions is what all open transactions share. Guarded by the commit section.
type openTransactions struct {
	began map[*transaction]uint64 // the sequence that each one sees
	// unique says which transaction has taken a key of a unique index.
	unique map[string]*transaction
	// removed holds, while transactions are open, the sequence at which a document was last removed, by document key:
	// nothing else tells them that there was one meanwhile.
	removed map[string]uint64
}

// pruneAt is from how many entries on removed is looked through when a transaction ends.
const pruneAt = 4096

func (o *openTransactions) begin(t *transaction, sequence uint64) {
	if o.began == nil {
		o.began, o.unique, o.removed = map[*transaction]uint64{}, map[string]*transaction{}, map[string]uint64{}
	}
	o.began[t] = sequence
}

func (o *openTransactions) end(t *transaction) {
	delete(o.began, t)
	for _, k := range t.keys {
		delete(o.unique, k)
	}
	switch {
	case len(o.began) == 0:
		o.removed = map[string]uint64{}
	case len(o.removed) > pruneAt:
		oldest := ^uint64(0)
		for _, sequence := range o.began {
			oldest = min(oldest, sequence)
		}
		for k, sequence := range o.removed {
			if sequence <= oldest {
				delete(o.removed, k)
			}
		}
	}
}

// holder returns another transaction that has taken a unique key which a commit is to add, nil if there is none.
func (o *openTransactions) holder(c *commit) *transaction {
	if len(o.unique) == 0 {
		return nil
	}
	for i := range c.mutations {
		for _, change := range c.mutations[i].indexes {
			if !change.index.Unique {
				continue
			}
			for _, entry := range change.added {
				if t := o.unique[string(entry.key)]; t != nil && t != c.owner {
					return t
				}
			}
		}
	}
	return nil
}

// note remembers what a commit removes, for the transactions that are open.
func (o *openTransactions) note(mutations []mutation, sequence uint64) {
	if len(o.began) == 0 {
		return
	}
	for i := range mutations {
		if m := &mutations[i]; m.after == nil {
			o.removed[string(m.documentKey())] = sequence
		}
	}
}

// busyError says that a commit has to wait for a transaction that took one of its unique keys.
type busyError struct{ holder *transaction }

func (*busyError) Error() string { return "an open transaction has taken a unique key" }

// claimUnique puts the transaction's intents on the unique keys that a write adds, by the rules of claim.
func (t *transaction) claimUnique(ctx context.Context, m mutation) error {
	for _, change := range m.indexes {
		if !change.index.Unique {
			continue
		}
		for _, entry := range change.added {
			for {
				other, err := t.takeKey(m, change.index, entry)
				if err != nil {
					t.doomed = t.doomed || yunduo.ReasonOf(err) == yunduo.ReasonTransactionConflict
					return err
				}
				if other == nil {
					break
				}
				if other.number < t.number || !other.endsWithin(ctx, conflictWait) {
					t.doomed = true
					return errConflict()
				}
			}
		}
	}
	return nil
}

// takeKey puts an intent on a unique key, or returns the transaction that has one. The key is free in the
// transaction's own state; transaction_conflict if somebody took it since.
func (t *transaction) takeKey(m mutation, ix *index, entry indexEntry) (other *transaction, err error) {
	t.e.commitSection.Lock()
	defer t.e.commitSection.Unlock()
	held := t.e.transactions.unique[string(entry.key)]
	if held == t {
		return nil, nil
	}
	if held != nil {
		return held, nil
	}
	v, closer, err := t.e.db.Get(entry.key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, storageError(err)
	default:
		_, owner, err := ix.splitEntry(entry.key, v, 0)
		owner = slices.Clone(owner)
		if err := errors.Join(err, closer.Close()); err != nil {
			return nil, storageError(err)
		}
		own := append(key(prefixDocument, m.collection.app, m.collection.id), owner...)
		if string(owner) != string(m.id) && t.writes[string(own)] == nil {
			return nil, errConflict()
		}
	}
	t.e.transactions.unique[string(entry.key)] = t
	t.keys = append(t.keys, string(entry.key))
	return nil, nil
}

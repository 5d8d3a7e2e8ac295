package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Check compares everything that the store keeps twice: indexes and counters with the documents, the change log with
// its bounds. It returns a sentence per difference; none means that the store is consistent. It reads one state, waits
// for a change of the catalog in progress and disturbs nobody.
func (e *Engine) Check(ctx context.Context) (problems []string, err error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.gate.leave()
	r, release := e.newSettledReader()
	defer func() { err = errors.Join(err, storageError(release())) }()
	c := checker{ctx: ctx, view: r.view.(*snapshot)}
	for _, a := range r.catalog.apps {
		for _, coll := range a.collections {
			if err := c.collection(coll); err != nil {
				return c.problems, storageError(err)
			}
		}
		for _, t := range a.trash {
			if err := c.collection(t.collection); err != nil {
				return c.problems, storageError(err)
			}
		}
		if err := c.log(a); err != nil {
			return c.problems, storageError(err)
		}
	}
	return c.problems, storageError(c.orphans(r.catalog))
}

// orphans looks for documents that belong to no collection. Those of collections that are still being collected for a
// replacement are named by hidden records.
func (c *checker) orphans(all *catalog) (err error) {
	known := map[string]bool{}
	for _, a := range all.apps {
		for _, coll := range a.collections {
			known[string(key(prefixDocument, coll.app, coll.id))] = true
		}
		for _, t := range a.trash {
			known[string(key(prefixDocument, t.app, t.id))] = true
		}
	}
	err = eachKey(c.view.Snapshot, []byte{prefixHidden}, func(_, v []byte) error {
		known[string(v)] = true
		return nil
	})
	if err != nil {
		return err
	}
	it, err := c.view.iterate([]byte{prefixDocument}, []byte{prefixDocument + 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; {
		prefix := slices.Clone(it.Key()[:documentPrefixBytes])
		if !known[string(prefix)] {
			c.report("there are documents of a collection that does not exist: %x", prefix)
		}
		ok = it.SeekGE(keyEnd(prefix))
	}
	return it.Error()
}

type checker struct {
	ctx      context.Context
	view     *snapshot
	problems []string
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// collection recounts the documents and looks up each of their index entries; as many entries as were found must be
// there.
func (c *checker) collection(coll *collection) error {
	var documents, size int64
	entries := make([]int, len(coll.indexes))
	reached, err := c.reached(coll)
	if err != nil {
		return err
	}
	prefix := key(prefixDocument, coll.app, coll.id)
	err = eachKey(c.view.Snapshot, prefix, func(k, v []byte) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		rec, err := decodeRecord(v)
		if err != nil {
			return err
		}
		documents++
		size += int64(len(rec.document))
		for i, ix := range coll.indexes {
			if !reached[i](k[documentPrefixBytes:]) {
				continue
			}
			n, err := c.entries(coll, ix, k[documentPrefixBytes:], rec)
			if err != nil {
				return err
			}
			entries[i] += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, ix := range coll.indexes {
		found, size := 0, 0
		count := func(k, v []byte) error { found, size = found+1, size+len(k)+len(v); return nil }
		if err := eachKey(c.view.Snapshot, ix.prefix(coll), count); err != nil {
			return err
		}
		if found != entries[i] {
			c.report("index %q of %q has %d entries, %d belong to documents", ix.Name, coll.name, found, entries[i])
		}
		counted, countedBytes, _, err := readCounter(c.view.Get, ix.counterKey(coll))
		if err != nil {
			return err
		}
		if counted != int64(found) || countedBytes != int64(size) {
			c.report("the counter of index %q of %q says %d entries, %d bytes; there are %d, %d", ix.Name, coll.name, counted, countedBytes, found, size)
		}
	}
	countedDocuments, countedBytes, err := readCounters(c.view.Get, coll)
	if err == nil && (countedDocuments != documents || countedBytes != size) {
		c.report("the counters of %q say %d documents, %d bytes; there are %d, %d", coll.name, countedDocuments, countedBytes, documents, size)
	}
	return err
}

// reached returns for each index of a collection which documents it is to have.
func (c *checker) reached(coll *collection) (list []func(id []byte) bool, err error) {
	for _, ix := range coll.indexes {
		all := ix.ready()
		var frontier []byte
		if ix.building() {
			v, closer, err := c.view.Get(key(prefixJob, ix.id))
			if err != nil {
				return nil, err
			}
			build, err := decodeBuild(v)
			if err := errors.Join(err, closer.Close()); err != nil {
				return nil, err
			}
			all, frontier = build.complete, build.frontier
		}
		list = append(list, func(id []byte) bool { return all || bytes.Compare(id, frontier) <= 0 })
	}
	return list, nil
}

func (c *checker) entries(coll *collection, ix *index, id []byte, rec record) (int, error) {
	want, multikey, err := ix.entries(coll, id, rec.document)
	if err != nil {
		return 0, err
	}
	if multikey && !ix.multikey.Load() {
		c.report("index %q of %q does not know that it holds arrays", ix.Name, coll.name)
	}
	n := 0
	for _, e := range want {
		v, closer, err := c.view.Get(e.key)
		switch {
		case errors.Is(err, pebble.ErrNotFound):
			c.report("index %q of %q lacks an entry of document %x", ix.Name, coll.name, id)
			continue
		case err != nil:
			return n, err
		case !bytes.Equal(v, e.value):
			c.report("index %q of %q has a wrong entry of document %x", ix.Name, coll.name, id)
		}
		n++
		if err := closer.Close(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// log looks for gaps in an app's change log and recounts it.
func (c *checker) log(a *app) error {
	var entries, size int64
	var last uint64
	err := eachKey(c.view.Snapshot, key(prefixLog, a.id), func(k, v []byte) error {
		offset := decodeOffset(k)
		if last != 0 && offset != last+1 {
			c.report("the change log of %q has no entry %d", string(a.name), last+1)
		}
		last = offset
		entries++
		size += int64(len(v))
		return c.ctx.Err()
	})
	if err != nil {
		return err
	}
	counted, countedBytes, err := readCounters(c.view.Get, &collection{app: a.id})
	if err == nil && (counted != entries || countedBytes != size) {
		c.report("the counters of the change log of %q say %d entries, %d bytes; there are %d, %d", string(a.name), counted, countedBytes, entries, size)
	}
	return err
}

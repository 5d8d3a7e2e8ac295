package embedded

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
)

// copyMark is a file in a backup: who opens it goes on from an earlier state, so that positions which the original
// gave out since must not be taken for its own.
const copyMark = "copy"

// Backup writes a consistent copy of everything that was acknowledged before the call to dir, which must not exist.
// Writers are not stopped; where the file system can link files it takes milliseconds. Open opens the copy.
func (e *Engine) Backup(ctx context.Context, dir string) error {
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.gate.leave()
	if err := e.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return storageError(err)
	}
	fs := e.options.FS
	mark, err := fs.Create(fs.PathJoin(dir, copyMark), vfs.WriteCategoryUnspecified)
	if err != nil {
		return storageError(err)
	}
	if err := errors.Join(mark.Sync(), mark.Close()); err != nil {
		return storageError(err)
	}
	parent, err := fs.OpenDir(dir)
	if err != nil {
		return storageError(err)
	}
	return storageError(errors.Join(parent.Sync(), parent.Close()))
}

// Positions returns the position of the last durable commit of every app.
func (e *Engine) Positions() map[yunduo.AppID]driver.Position {
	all := map[yunduo.AppID]driver.Position{}
	for name, a := range e.catalog.Load().apps {
		all[name] = a.log.position()
	}
	return all
}

// InUse reports whether somebody has the store in dir open.
func InUse(dir string) (bool, error) {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	lock, err := pebble.LockDirectory(dir, vfs.Default)
	// Of a lock that this process holds itself Pebble speaks in words only.
	if errors.Is(err, syscall.EAGAIN) || err != nil && strings.Contains(err.Error(), "lock held by current process") {
		return true, nil
	}
	if err != nil {
		return false, storageError(err)
	}
	return false, storageError(lock.Close())
}

// renewEpochs gives every app of a copy a new epoch.
func (e *Engine) renewEpochs(dir string) error {
	mark := e.options.FS.PathJoin(dir, copyMark)
	if _, err := e.options.FS.Stat(mark); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	b := e.db.NewBatch()
	defer b.Close()
	err := eachKey(e.db, []byte{prefixCatalog, kindApp}, func(k, v []byte) error {
		var r appRecord
		if err := bson.Unmarshal(v, &r); err != nil {
			return err
		}
		r.Epoch = int64(newEpoch())
		data, err := bson.Marshal(r)
		if err != nil {
			return err
		}
		return b.Set(slices.Clone(k), data, nil)
	})
	if err != nil {
		return err
	}
	if err := e.db.Apply(b, pebble.Sync); err != nil {
		return err
	}
	return e.options.FS.Remove(mark)
}

// newEpoch returns a random positive number.
func newEpoch() uint64 {
	var random [8]byte
	rand.Read(random[:])
	return binary.BigEndian.Uint64(random[:])>>1 | 1
}

package embedded

import (
	"errors"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"yunduo"
)

// diskGuard keeps a file in reserve. When the disk is full it is removed, so that what Pebble is writing can be
// finished, and further writes are refused until there is room for it again.
type diskGuard struct {
	fs   vfs.FS // the unguarded file system
	dir  string
	path string
	size int64
	full atomic.Bool
}

// guardDisk returns the file system to use and the guard that watches it.
func guardDisk(o Options, dir string) (vfs.FS, *diskGuard, error) {
	g := &diskGuard{fs: o.FS, dir: dir, path: o.FS.PathJoin(dir, "reserve"), size: o.DiskReserve}
	if err := g.reserve(); err != nil {
		return nil, nil, err
	}
	return vfs.OnDiskFull(o.FS, func() {
		g.full.Store(true)
		if g.size > 0 {
			// Missing is fine: the reserve was used up earlier.
			_ = g.fs.Remove(g.path)
		}
	}), g, nil
}

// room reports whether the disk has several times the reserve left; true where the file system cannot tell.
func (g *diskGuard) room() (bool, error) {
	usage, err := g.fs.GetDiskUsage(g.dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return true, nil
	}
	return err == nil && int64(usage.AvailBytes) > g.wanted(), err
}

// wanted is how many bytes must be free before writes are accepted again.
func (g *diskGuard) wanted() int64 { return 4 * max(g.size, 16<<20) }

// reserve makes the file if there is room, else notes that the disk is full.
func (g *diskGuard) reserve() error {
	room, err := g.room()
	if err != nil {
		return err
	}
	if !room {
		g.full.Store(true)
		return nil
	}
	if g.size > 0 {
		if err := g.preallocate(); err != nil {
			return err
		}
	}
	g.full.Store(false)
	return nil
}

// preallocate makes the file unless an earlier run left it: it has its name only once its room is taken.
func (g *diskGuard) preallocate() error {
	if _, err := g.fs.Stat(g.path); err == nil {
		return nil
	}
	unfinished := g.path + ".new"
	f, err := g.fs.Create(unfinished, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Preallocate(0, g.size), f.Sync(), f.Close()); err != nil {
		return err
	}
	return g.fs.Rename(unfinished, g.path)
}

// check returns storage_full while writes are refused.
func (g *diskGuard) check() error {
	if g.full.Load() {
		return yunduo.Errorf(yunduo.ReasonStorageFull, "the disk of the server is full; it writes again once more than %d MiB are free", g.wanted()>>20)
	}
	return nil
}

// recheck accepts writes again when room was made.
func (g *diskGuard) recheck() error {
	if !g.full.Load() {
		return nil
	}
	return g.reserve()
}

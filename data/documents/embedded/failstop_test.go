package embedded_test

import (
	"bytes"
	"context"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// writerFault tells the process that writes what breaks under it.
const writerFault = "YUNDUO_TEST_WRITER_FAULT"

// Faults of a disk. To most of them Pebble answers with a panic where it cannot be caught: the process ends before the
// engine could tell anybody.
const (
	faultNewLog   = "newLog"   // the log cannot go on in another file
	faultLog      = "log"      // what the log goes on in cannot be written
	faultManifest = "manifest" // the list of tables cannot be written
	faultAll      = "all"      // nothing can be written once the log wants to go on in another file
)

// brokenDisk returns the real file system, nil without a fault. It breaks for good when some logs were begun.
func brokenDisk(fault string) vfs.FS {
	if fault == "" {
		return nil
	}
	var logs atomic.Int32
	fs := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		log := strings.HasSuffix(op.Path, ".log")
		begins := op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
		if log && begins {
			logs.Add(1)
		}
		broken := map[string]bool{
			faultNewLog: log && begins, faultLog: log && !begins, faultManifest: strings.Contains(op.Path, "MANIFEST"), faultAll: true,
		}
		if broken[fault] && logs.Load() > 3 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	if fault == faultLog {
		return onlyNewFiles{fs}
	}
	return fs
}

// onlyNewFiles does not use the files of old logs again: errorfs would not make their writes fail.
type onlyNewFiles struct{ vfs.FS }

func (f onlyNewFiles) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Remove(old); err != nil {
		return nil, err
	}
	return f.Create(name, category)
}

// TestFailStop: a process that ends because its disk does not take what Pebble writes leaves a store that opens and
// has all that was acknowledged.
func TestFailStop(t *testing.T) {
	rounds := 2
	if testing.Short() {
		rounds = 1
	}
	for _, fault := range []string{faultNewLog, faultLog, faultManifest, faultAll} {
		t.Run(fault, func(t *testing.T) {
			dir := t.TempDir()
			known := state{}
			for range rounds {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it shall end by itself
				child := exec.CommandContext(ctx, os.Args[0])
				child.Env = append(os.Environ(), writerDir+"="+dir, writerFault+"="+fault)
				var said bytes.Buffer
				child.Stderr = &said
				known.follow(t, child, func() {})
				require.Error(t, child.Wait())
				cancel()
				require.Positive(t, child.ProcessState.ExitCode(), said.String())
				require.Regexp(t, `Errno\(5\)|`+syscall.EIO.Error(), said.String())

				e := openIn(t, dir, options(nil))
				known.verify(t, e)
				w, err := newWorkload(t.Context(), e)
				require.NoError(t, err)
				require.NoError(t, w.step(t.Context(), rand.New(rand.NewSource(1)), 0))
				known = w.acknowledged()
				require.NoError(t, e.Close())
			}
			require.NotEmpty(t, known)
		})
	}
}

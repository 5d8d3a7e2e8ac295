//go:build unix

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// scratchLock is the file in a temporary scratch folder that its runtime holds locked for as long as it lives.
const scratchLock = "lock"

// newScratch makes a temporary scratch folder and removes those that runtimes left which were killed. release lets go
// of the folder.
func newScratch() (dir string, release func(), err error) {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "yunduo-node-*"))
	for _, old := range left {
		removeLeft(old)
	}
	if dir, err = os.MkdirTemp("", "yunduo-node-"); err != nil {
		return "", nil, fmt.Errorf("make the scratch folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, scratchLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, fmt.Errorf("lock the scratch folder: %w", err)
	}
	return dir, func() { lock.Close() }, nil
}

// removeLeft removes a scratch folder of our user that no runtime holds. What cannot be removed is tried again the next
// time.
func removeLeft(dir string) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return
	}
	if status, ok := info.Sys().(*syscall.Stat_t); !ok || int(status.Uid) != os.Geteuid() {
		return
	}
	lock, err := os.OpenFile(filepath.Join(dir, scratchLock), os.O_RDWR|unix.O_NOFOLLOW, 0)
	switch {
	case err == nil:
		defer lock.Close()
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return
		}
	case time.Since(info.ModTime()) < time.Hour: // somebody may just be about to lock it
		return
	}
	_ = os.RemoveAll(dir)
}

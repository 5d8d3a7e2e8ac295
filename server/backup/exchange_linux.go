package backup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// exchange puts fresh in the place of dir, and dir aside, at once: there is no moment without a data directory, and none
// in which the old one has a name that the next restore clears up.
func exchange(fresh, dir, aside string) error {
	if err := os.Rename(fresh, aside); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	if back := os.Rename(aside, fresh); back != nil {
		return errors.Join(err, back)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // the file system cannot
		return swap(fresh, dir, aside)
	}
	return err
}

package disk

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull reports whether an error says that there is no room left on the disk or in its quota.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

//go:build !windows

package disk

import (
	"errors"
	"syscall"
)

// isFull reports whether an error says that there is no room left on the disk or in its quota.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

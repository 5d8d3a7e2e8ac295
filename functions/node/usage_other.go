//go:build !linux

package node

import (
	"os"
	"time"
)

// processorTime is not known here.
func processorTime(*os.Process) (ran, waited time.Duration, ok bool) { return 0, 0, false }

// processTime is not known here.
func processTime(*os.Process) (time.Duration, bool) { return 0, false }

// privateMemory is not known here.
func privateMemory(*os.Process) int64 { return 0 }

// computes is not known here.
func computes(*os.Process) bool { return false }

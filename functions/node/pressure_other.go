//go:build !linux

package node

import "os"

// machineMemory is not known here.
func machineMemory() headroom { return headroom{} }

// residentBytes is not known here.
func residentBytes(*os.Process) int64 { return 0 }

//go:build !linux

package embedded

// machineMemory returns an assumption where the system's answer is not at hand: 1 GiB.
func machineMemory() int64 { return 1 << 30 }

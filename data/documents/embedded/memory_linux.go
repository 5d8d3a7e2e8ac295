package embedded

import "golang.org/x/sys/unix"

// machineMemory returns the memory that the process may use, in bytes: the machine's, or its container's.
func machineMemory() int64 {
	total := int64(1 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total = int64(info.Totalram) * int64(info.Unit)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		total = min(total, containerMemory(file))
	}
	return total
}

package node

import (
	"bytes"
	"os"
	"strconv"
)

// machineMemory reads what the machine has, or the control group that the server is in (proc(5), meminfo).
func machineMemory() headroom {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return headroom{}
	}
	h := headroom{available: kibibytes(text, "MemAvailable:"), total: kibibytes(text, "MemTotal:")}
	h.ok = h.total > 0
	if limit, used := number("/sys/fs/cgroup/memory.max"), number("/sys/fs/cgroup/memory.current"); limit > 0 && limit < h.total {
		cache := int64(0) // which the kernel gives back
		if stat, err := os.ReadFile("/sys/fs/cgroup/memory.stat"); err == nil {
			cache = field(stat, "inactive_file ")
		}
		h.available, h.total = min(h.available, limit-used+cache), limit
	}
	return h
}

// kibibytes returns a figure of meminfo in bytes.
func kibibytes(text []byte, name string) int64 { return field(text, name) << 10 }

// field returns the number behind a name that begins a line; 0 if there is none.
func field(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			if words := bytes.Fields(rest); len(words) > 0 {
				n, _ := strconv.ParseInt(string(words[0]), 10, 64)
				return n
			}
		}
	}
	return 0
}

// number reads a file that holds one; 0 if it does not.
func number(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n
}

// residentBytes is the memory of a process that it does not share with others (proc(5), statm).
func residentBytes(process *os.Process) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	words := bytes.Fields(text)
	if len(words) < 3 {
		return 0
	}
	resident, _ := strconv.ParseInt(string(words[1]), 10, 64)
	shared, _ := strconv.ParseInt(string(words[2]), 10, 64)
	return (resident - shared) * int64(os.Getpagesize())
}

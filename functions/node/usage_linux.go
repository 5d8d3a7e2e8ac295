package node

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime reads how long the main thread of a process has run and how long it has waited for a processor
// (proc(5), schedstat).
func processorTime(process *os.Process) (ran, waited time.Duration, ok bool) {
	return scheduled(process.Pid)
}

func scheduled(pid int) (ran, waited time.Duration, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/schedstat")
	if err != nil {
		return 0, 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, 0, false
	}
	r, err1 := strconv.ParseInt(fields[0], 10, 64)
	w, err2 := strconv.ParseInt(fields[1], 10, 64)
	return time.Duration(r), time.Duration(w), err1 == nil && err2 == nil
}

// processTime returns the processor time that a process has used with all its threads: the clock that
// clock_getcpuclockid(3) names.
func processTime(process *os.Process) (time.Duration, bool) { return clockOf(process.Pid) }

func clockOf(pid int) (time.Duration, bool) {
	const schedulerClock = 2
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid)<<3|schedulerClock, &ts) != nil {
		return 0, false
	}
	return time.Duration(ts.Nano()), true
}

// privateMemory returns how many bytes a process has for itself, not counting what it shares with others of its kind
// (proc(5), statm).
func privateMemory(process *os.Process) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(process.Pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return 0
	}
	resident, err1 := strconv.ParseInt(fields[1], 10, 64)
	shared, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return max(0, resident-shared) * int64(os.Getpagesize())
}

// computes reports whether the main thread of a process runs, or wants to, at this moment (proc(5), stat).
func computes(process *os.Process) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(process.Pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, found := strings.Cut(string(text), ") ")
	return found && strings.HasPrefix(rest, "R")
}

package node

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// processorTime reads how long the main thread of a process has run and how long it has waited for a processor
// (proc(5), schedstat).
func processorTime(process *os.Process) (ran, waited time.Duration, ok bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(process.Pid) + "/schedstat")
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

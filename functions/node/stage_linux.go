package node

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	stageName     = "yunduo-sandbox"
	stageVariable = "YUNDUO_SANDBOX"
)

// stage is what the first stage of a sandbox has to do.
type stage struct {
	Layout  layout
	Binds   map[string]string // place and source of what else is mounted; nil where the host has built the root
	OwnUser bool              // no other process has this user
	Files   int               // how many files from 3 on the process is to have; of no meaning where the host has built the root
	Data    int64             // RLIMIT_DATA
	Args    []string
	Env     []string
	Probe   bool
}

// SandboxInit must be called first thing in main, and in TestMain of tests that start a Runtime: sandboxes, and the
// process that forks them, begin as this same program, and in them SandboxInit never returns.
func SandboxInit() {
	initialised.Store(true)
	if len(os.Args) == 0 {
		return
	}
	var err error
	switch os.Args[0] {
	case stageName:
		err = enterSandbox()
	case spawnerName:
		err = serveSpawns()
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(70)
	}
	os.Exit(0)
}

// enterSandbox turns the process into Node.js.
func enterSandbox() error {
	// Capabilities and filters belong to threads; this one is going to become Node.js.
	goruntime.LockOSThread()
	var s stage
	if err := json.Unmarshal([]byte(os.Getenv(stageVariable)), &s); err != nil {
		return err
	}
	if err := keepFiles(3 + s.Files); err != nil {
		return err
	}
	beEndedFirst()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := s.Layout.assemble(); err != nil {
		return err
	}
	if _, err := s.Layout.bind(s.Binds); err != nil {
		return err
	}
	p, err := s.plan()
	if err != nil {
		return err
	}
	p.run()
	return fmt.Errorf("the process goes on after its end")
}

// rankForMemory is how likely functions are to be ended when the machine has no memory left (proc(5), oom_score_adj): as
// if each of them used half of it, so that the server and its database are not.
const rankForMemory = 500

// beEndedFirst lets the process, and those that it becomes or forks, be ended before the server. It does what it may.
func beEndedFirst() {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	if rank, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && rank < rankForMemory {
		_ = os.WriteFile(file, []byte(strconv.Itoa(rankForMemory)), 0)
	}
}

// keepFiles lets no other program have the files from a number on. Go opens its own that way; those that the server got
// from whoever started it, such as the lock of a shell's flock or a folder of the host, are as they were left.
func keepFiles(from int) error {
	if unix.CloseRange(uint(from), math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return fmt.Errorf("find the open files: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= from {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

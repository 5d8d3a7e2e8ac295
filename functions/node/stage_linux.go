package node

import (
	"encoding/json"
	"fmt"
	"os"
	goruntime "runtime"

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

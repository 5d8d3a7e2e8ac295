package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	stageName     = "yunduo-sandbox"
	stageVariable = "YUNDUO_SANDBOX"
)

// stage is what the first stage of a sandbox has to do.
type stage struct {
	Layout    layout
	Assembled bool              // the host has built the root already
	Binds     map[string]string // what is still to be mounted: place and source
	OwnUser   bool              // no other process has this user
	Data      int64             // RLIMIT_DATA
	Args      []string
	Env       []string
	Probe     bool
}

// SandboxInit must be called first thing in main, and in TestMain of tests that start a Runtime: sandboxes begin as
// this same program, and in them SandboxInit turns the process into Node.js and never returns.
func SandboxInit() {
	initialised.Store(true)
	if len(os.Args) == 0 || os.Args[0] != stageName {
		return
	}
	// Capabilities and filters belong to threads; this one is going to become Node.js.
	goruntime.LockOSThread()
	var s stage
	err := json.Unmarshal([]byte(os.Getenv(stageVariable)), &s)
	if err == nil {
		err = s.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(70)
	}
	os.Exit(0)
}

func (s stage) run() error {
	if err := s.enterRoot(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("function")); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	if err := s.limitResources(); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := installFilter(); err != nil {
		return err
	}
	if s.Probe {
		return nil
	}
	return fmt.Errorf("start Node.js: %w", syscall.Exec(sandboxNode, append([]string{"node"}, s.Args...), s.Env))
}

// enterRoot makes the sandbox's tree the root and lets go of the host's.
func (s stage) enterRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if !s.Assembled {
		if err := s.Layout.assemble(); err != nil {
			return err
		}
		if _, err := s.Layout.bind(s.Binds); err != nil {
			return err
		}
	}
	base := s.Layout.Base
	if err := unix.Mount(base, base, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind the root: %w", err)
	}
	if err := unix.Mount("tmpfs", filepath.Join(base, "tmp"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, fmt.Sprintf("size=%d,nr_inodes=4k,mode=1777", scratchBytes)); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	// Containers with a masked /proc refuse another one; Node.js can do without.
	proc := filepath.Join(base, "proc")
	if err := unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "subset=pid,hidepid=ptraceable"); err != nil {
		unix.Mount("proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "hidepid=2")
	}
	if err := unix.Mount("", base, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	if err := os.Chdir(base); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the host's files: %w", err)
	}
	return os.Chdir("/")
}

// Sizes of what a process gets of its own.
const (
	maxTasks     = 64       // threads
	scratchBytes = 32 << 20 // /tmp
)

func (s stage) limitResources() error {
	limits := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_NOFILE: 1024,
		unix.RLIMIT_FSIZE:  32 << 20,
		unix.RLIMIT_DATA:   uint64(s.Data),
	}
	if s.OwnUser {
		limits[unix.RLIMIT_NPROC] = maxTasks
	}
	for which, limit := range limits {
		if err := syscall.Setrlimit(which, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("set resource limit %d: %w", which, err)
		}
	}
	return nil
}

// dropCapabilities gives up every privilege that user 0 of the namespace has, for good.
func dropCapabilities() error {
	for capability := uintptr(0); capability <= 63; capability++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			if err == unix.EINVAL {
				break
			}
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear the ambient capabilities: %w", err)
	}
	// Root without power, set-user-ID without effect, capabilities not kept; all locked.
	const secureBits = 0x2f
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, secureBits, 0, 0, 0); err != nil {
		return fmt.Errorf("set the secure bits: %w", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop the capabilities: %w", err)
	}
	return nil
}

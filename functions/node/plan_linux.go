package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// plan is a list of system calls that has been made beforehand: what runs it needs no memory and no scheduler, and so
// may be the child of a fork, in which Go code cannot do much else.
type plan struct {
	calls []plannedCall
	kept  []any // what the arguments point to
}

type plannedCall struct {
	trap, a, b, c, d, e uintptr
	// instead: the next call is made only if this one fails. optional: it may fail.
	instead, optional bool
	failure           []byte // what is printed before the error's number
}

func (p *plan) add(what string, trap uintptr, arguments ...uintptr) *plannedCall {
	call := plannedCall{trap: trap, failure: []byte("sandbox: " + what + ": error ")}
	for i, place := range []*uintptr{&call.a, &call.b, &call.c, &call.d, &call.e} {
		if i < len(arguments) {
			*place = arguments[i]
		}
	}
	p.calls = append(p.calls, call)
	return &p.calls[len(p.calls)-1]
}

// text returns the address of a C string.
func (p *plan) text(s string) uintptr {
	bytes := append([]byte(s), 0)
	p.kept = append(p.kept, bytes)
	return uintptr(unsafe.Pointer(&bytes[0]))
}

// texts returns the address of a list of C strings, as of arguments and environments.
func (p *plan) texts(list []string) uintptr {
	pointers := make([]uintptr, len(list)+1)
	for i, s := range list {
		pointers[i] = p.text(s)
	}
	p.kept = append(p.kept, pointers)
	return uintptr(unsafe.Pointer(&pointers[0]))
}

// keep returns the address of v, which stays where it is as long as the plan is there.
func keep[T any](p *plan, v T) uintptr {
	kept := &v
	p.kept = append(p.kept, kept)
	return uintptr(unsafe.Pointer(kept))
}

func (p *plan) mount(what, source, target, kind string, flags uintptr, data string) *plannedCall {
	return p.add(what, unix.SYS_MOUNT, p.text(source), p.text(target), p.text(kind), flags, p.text(data))
}

// run makes the calls. It ends the process if one fails, and returns after the last otherwise, which is to become
// another program or to end. It is what syscall.forkExec calls a child: no locks, no memory, no growing stack.
//
//go:norace
//go:nosplit
//go:noinline
//go:nocheckptr
func (p *plan) run() {
	skip := false
	for i := 0; i < len(p.calls); i++ {
		call := &p.calls[i]
		if skip {
			skip = false
			continue
		}
		_, _, errno := syscall.RawSyscall6(call.trap, call.a, call.b, call.c, call.d, call.e, 0)
		switch {
		case errno == 0:
			skip = call.instead
		case call.optional || call.instead:
		default:
			giveUp(call, errno)
		}
	}
}

// giveUp prints what has failed and ends the process.
//
//go:norace
//go:nosplit
//go:nocheckptr
func giveUp(call *plannedCall, errno syscall.Errno) {
	var line [6]byte // digits from the end
	line[5] = '\n'
	at := 5
	for n := uint(errno); at > 0; n /= 10 {
		at--
		line[at] = byte('0' + n%10)
		if n < 10 {
			break
		}
	}
	_, _, _ = syscall.RawSyscall6(unix.SYS_WRITE, 2, uintptr(unsafe.Pointer(&call.failure[0])), uintptr(len(call.failure)), 0, 0, 0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_WRITE, 2, uintptr(unsafe.Pointer(&line[at])), uintptr(len(line)-at), 0, 0, 0)
	for {
		_, _, _ = syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 70, 0, 0, 0, 0, 0)
	}
}

// plan returns what turns a process with namespaces of its own into the sandbox, and then into Node.js.
func (s stage) plan() (*plan, error) {
	p := &plan{}
	s.enterRoot(p)
	host := []byte("function")
	p.kept = append(p.kept, host)
	p.add("set the host name", unix.SYS_SETHOSTNAME, uintptr(unsafe.Pointer(&host[0])), uintptr(len(host)))
	s.limitResources(p)
	if err := dropCapabilities(p); err != nil {
		return nil, err
	}
	if err := installFilter(p); err != nil {
		return nil, err
	}
	if s.Probe {
		p.add("end", unix.SYS_EXIT_GROUP, 0)
	} else {
		p.add("start Node.js", unix.SYS_EXECVE, p.text(sandboxNode), p.texts(append([]string{"node"}, s.Args...)), p.texts(s.Env))
	}
	return p, nil
}

// enterRoot makes the sandbox's tree the root and lets go of the host's.
func (s stage) enterRoot(p *plan) {
	base := s.Layout.Base
	p.mount("make the mounts private", "", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	p.mount("bind the root", base, base, "", unix.MS_BIND|unix.MS_REC, "")
	p.mount("mount /tmp", "tmpfs", filepath.Join(base, "tmp"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, fmt.Sprintf("size=%d,nr_inodes=4k,mode=1777", scratchBytes))
	// Containers with a masked /proc refuse another one; Node.js can do without.
	proc := filepath.Join(base, "proc")
	p.mount("mount /proc", "proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "subset=pid,hidepid=ptraceable").instead = true
	p.mount("mount /proc", "proc", proc, "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "hidepid=2").optional = true
	p.mount("make the root read-only", "", base, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, "")
	p.add("enter the root", unix.SYS_CHDIR, p.text(base))
	p.add("change the root", unix.SYS_PIVOT_ROOT, p.text("."), p.text("."))
	p.add("leave the host's files", unix.SYS_UMOUNT2, p.text("."), unix.MNT_DETACH)
	p.add("enter the root", unix.SYS_CHDIR, p.text("/"))
}

// Sizes of what a process gets of its own.
const (
	maxTasks     = 64       // threads
	scratchBytes = 32 << 20 // /tmp
)

func (s stage) limitResources(p *plan) {
	limit := func(which uintptr, limit uint64) {
		p.add("set a resource limit", unix.SYS_PRLIMIT64, 0, which, keep(p, unix.Rlimit{Cur: limit, Max: limit}), 0)
	}
	limit(unix.RLIMIT_CORE, 0)
	limit(unix.RLIMIT_NOFILE, 1024)
	limit(unix.RLIMIT_FSIZE, 32<<20)
	limit(unix.RLIMIT_DATA, uint64(s.Data))
	if s.OwnUser {
		limit(unix.RLIMIT_NPROC, maxTasks)
	}
}

// dropCapabilities gives up every privilege that user 0 of the namespace has, for good.
func dropCapabilities(p *plan) error {
	text, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return fmt.Errorf("find the kernel's capabilities: %w", err)
	}
	last, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 8)
	if err != nil {
		return fmt.Errorf("find the kernel's capabilities: %w", err)
	}
	for capability := range uintptr(last) + 1 {
		p.add("drop a capability", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, capability)
	}
	p.add("clear the ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	// Root without power, set-user-ID without effect, capabilities not kept; all locked.
	const secureBits = 0x2f
	p.add("set the secure bits", unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, secureBits)
	header := keep(p, unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3})
	p.add("drop the capabilities", unix.SYS_CAPSET, header, keep(p, [2]unix.CapUserData{}))
	return nil
}

// installFilter lets the thread make only the allowed calls from then on.
func installFilter(p *plan) error {
	filter, err := theFilter()
	if err != nil {
		return err
	}
	program := keep(p, unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	p.add("forbid new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	p.add("install the system call filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, program)
	return nil
}

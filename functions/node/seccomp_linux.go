package node

import (
	"fmt"
	"sync"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// allowedCalls is all that Node.js, its libraries and ordinary native addons need. Everything else does not exist.
var allowedCalls = []string{
	// memory
	"brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "mincore", "mlock", "munlock", "mlock2", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
	// files
	"open", "openat", "openat2", "creat", "close", "close_range", "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
	"lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2",
	"chown", "fchown", "lchown", "fchownat", "truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "flock", "utimensat", "utime", "utimes", "futimesat",
	"getcwd", "chdir", "fchdir", "umask", "dup", "dup2", "dup3", "fcntl", "ioctl", "copy_file_range", "sendfile", "splice", "fadvise64", "readahead",
	"inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "memfd_create",
	// waiting
	"poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "pipe", "pipe2",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "pause",
	"timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "setitimer", "getitimer", "alarm",
	// sockets; which families is decided below
	"connect", "bind", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown",
	// threads and signals
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
	"sched_getscheduler", "sched_setscheduler", "sched_get_priority_max", "sched_get_priority_min", "getpriority", "setpriority",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "restart_syscall",
	"kill", "tkill", "tgkill", "exit", "exit_group", "wait4", "waitid", "arch_prctl", "execve",
	// identity and limits
	"getpid", "getppid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget",
	"getrlimit", "setrlimit", "prlimit64", "getrusage", "sysinfo", "uname", "getcpu", "getrandom",
}

// allowedOptions are those of prctl: names of threads and of memory, and questions. Others would let code take back that
// it ends with the server, for one.
var allowedOptions = []uint32{
	unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_SET_THP_DISABLE, unix.PR_GET_THP_DISABLE, unix.PR_GET_DUMPABLE,
	unix.PR_GET_SECCOMP, unix.PR_GET_NO_NEW_PRIVS, unix.PR_CAPBSET_READ, unix.PR_SET_TIMERSLACK, unix.PR_GET_TIMERSLACK,
}

// buildFilter assembles the filter: the calls and options above, local sockets, and threads. What is not known gets "there is no
// such call", which libraries take as a reason to use an older one.
func buildFilter(machine *arch.Info) ([]bpf.RawInstruction, error) {
	answer := func(errno unix.Errno) bpf.Instruction {
		return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	const offsetNumber, offsetMachine, offsetFirstArgument = 0, 4, 16

	program := []bpf.Instruction{
		// Calls in the manner of another machine end the process: their numbers mean something else.
		bpf.LoadAbsolute{Off: offsetMachine, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(machine.ID), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
	}
	on := func(name string, then ...bpf.Instruction) {
		if number, ok := machine.SyscallNames[name]; ok {
			program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(number), SkipFalse: uint8(len(then))})
			program = append(program, then...)
		}
	}
	if machine.ID == arch.X86_64.ID {
		const x32 = 0x4000_0000
		program = append(program, bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipFalse: 1}, answer(unix.ENOSYS))
	}
	for _, name := range allowedCalls {
		on(name, allow)
	}
	for _, name := range []string{"socket", "socketpair"} {
		on(name,
			bpf.LoadAbsolute{Off: offsetFirstArgument, Size: 4},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_UNIX, SkipFalse: 1},
			allow,
			answer(unix.EAFNOSUPPORT))
	}
	const namespaces = unix.CLONE_NEWCGROUP | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
		unix.CLONE_NEWUSER | unix.CLONE_NEWUTS
	on("clone",
		bpf.LoadAbsolute{Off: offsetFirstArgument, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.CLONE_THREAD, SkipFalse: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: namespaces, SkipTrue: 1},
		allow,
		answer(unix.EPERM))
	options := []bpf.Instruction{bpf.LoadAbsolute{Off: offsetFirstArgument, Size: 4}}
	for _, option := range allowedOptions {
		options = append(options, bpf.JumpIf{Cond: bpf.JumpEqual, Val: option, SkipFalse: 1}, allow)
	}
	on("prctl", append(options, answer(unix.EINVAL))...)
	on("fork", answer(unix.EPERM))
	on("vfork", answer(unix.EPERM))
	program = append(program, answer(unix.ENOSYS))
	return bpf.Assemble(program)
}

// theFilter returns the filter for this machine, as the kernel wants it.
var theFilter = sync.OnceValues(func() ([]unix.SockFilter, error) {
	machine, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("system calls of this machine: %w", err)
	}
	raw, err := buildFilter(machine)
	if err != nil {
		return nil, fmt.Errorf("build the system call filter: %w", err)
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return filter, nil
})

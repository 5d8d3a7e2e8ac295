package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	goruntime "runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const spawnerName = "yunduo-spawner"

// spawner is a small process that forks sandboxes for the server and becomes none of them: a fork of the server would
// copy its page tables, and a program of its size takes longer to start than Node.js does to be walled in. Its forks
// are the server's children. One caller at a time.
type spawner struct {
	cmd  *exec.Cmd
	conn *net.UnixConn
}

// spawnRequest comes with the files that the process gets: its standard error, and those from 3 on.
type spawnRequest struct {
	Stage stage
	User  int // of the host, whom the sandbox's user 0 is
}

type spawnReply struct {
	PID   int
	Error string
}

var errSpawnerGone = errors.New("the process that starts sandboxes has ended")

// maxSpawnMessage is the size of a request or reply in bytes.
const maxSpawnMessage = 256 << 10

// startSpawner must be called on the thread whose mounts the sandboxes are to begin with, which must stay.
func startSpawner() (*spawner, error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "spawner")
	defer theirs.Close()
	ours := os.NewFile(uintptr(fds[0]), "spawner")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("use the socket: %w", err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{spawnerName}
	cmd.Dir = "/"
	cmd.Env = []string{"GOMAXPROCS=1"}
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start the spawner: %w", err)
	}
	return &spawner{cmd: cmd, conn: conn.(*net.UnixConn)}, nil
}

func (s *spawner) close() {
	s.conn.Close()
	_ = s.cmd.Wait() // it ends with the connection
}

// spawn returns the ID of a process that is about to become the sandbox. What goes wrong there it prints to its
// standard error.
func (s *spawner) spawn(r spawnRequest, files []*os.File) (int, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err = s.conn.WriteMsgUnix(text, unix.UnixRights(fds...), nil)
	goruntime.KeepAlive(files)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errSpawnerGone, err)
	}
	buffer := make([]byte, 4096)
	n, err := s.conn.Read(buffer)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errSpawnerGone, err)
	}
	var reply spawnReply
	if err := json.Unmarshal(buffer[:n], &reply); err != nil {
		return 0, fmt.Errorf("answer of the spawner: %w", err)
	}
	if reply.Error == "" {
		return reply.PID, nil
	}
	if reply.PID > 0 { // it has been ended, and is ours to reap
		if process, err := os.FindProcess(reply.PID); err == nil {
			_, _ = process.Wait()
		}
	}
	return 0, errors.New(reply.Error)
}

// serveSpawns is what the spawner does until the server is gone.
func serveSpawns() error {
	if err := keepFiles(3); err != nil {
		return err
	}
	beEndedFirst()
	file := os.NewFile(3, "server")
	connection, err := net.FileConn(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("reach the server: %w", err)
	}
	conn := connection.(*net.UnixConn)
	if _, err := theFilter(); err != nil {
		return err
	}
	debug.FreeOSMemory() // every fork copies what there is
	buffer, rights := make([]byte, maxSpawnMessage), make([]byte, 1024)
	for {
		n, m, flags, _, err := conn.ReadMsgUnix(buffer, rights)
		switch {
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return nil
		case err != nil:
			return fmt.Errorf("hear the server: %w", err)
		case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
			return errors.New("a request is too long")
		}
		reply := spawnReply{}
		if reply.PID, err = answerSpawn(buffer[:n], rights[:m]); err != nil {
			reply.Error = err.Error()
		}
		text, err := json.Marshal(reply)
		if err != nil {
			return err
		}
		if _, err := conn.Write(text); err != nil {
			return fmt.Errorf("answer the server: %w", err)
		}
	}
}

func answerSpawn(text, rights []byte) (int, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return 0, fmt.Errorf("take the files: %w", err)
	}
	var files []int
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return 0, fmt.Errorf("take the files: %w", err)
		}
		files = append(files, fds...)
	}
	defer func() {
		for _, fd := range files {
			_ = unix.Close(fd)
		}
	}()
	// Out of the way of the places where the process is to find them.
	for i, fd := range files {
		moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 64)
		if err != nil {
			return 0, fmt.Errorf("move a file: %w", err)
		}
		_ = unix.Close(fd)
		files[i] = moved
	}
	var r spawnRequest
	if err := json.Unmarshal(text, &r); err != nil {
		return 0, err
	}
	return r.spawn(files)
}

// spawn forks the process that becomes the sandbox.
func (r spawnRequest) spawn(files []int) (int, error) {
	nowhere, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open /dev/null: %w", err)
	}
	defer unix.Close(nowhere)
	var gate [2]int // the child waits at it until it has its user
	if err := unix.Pipe2(gate[:], unix.O_CLOEXEC); err != nil {
		return 0, fmt.Errorf("make a pipe: %w", err)
	}
	defer unix.Close(gate[0])
	open := func() { _ = unix.Close(gate[1]) }
	rest, err := r.Stage.plan()
	if err != nil {
		open()
		return 0, err
	}
	p := &plan{}
	p.add("let go of the gate", unix.SYS_CLOSE, uintptr(gate[1]))
	p.add("wait for its user", unix.SYS_READ, uintptr(gate[0]), keep(p, [1]byte{}), 1)
	p.add("leave its groups", unix.SYS_SETGROUPS, 0, 0)
	p.add("take its group", unix.SYS_SETRESGID, 0, 0, 0)
	p.add("take its user", unix.SYS_SETRESUID, 0, 0, 0)
	p.add("begin a session", unix.SYS_SETSID)
	p.add("end with the server", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	for target, fd := range append([]int{nowhere, nowhere}, files...) {
		p.add("hand on a file", unix.SYS_DUP3, uintptr(fd), uintptr(target), 0)
	}
	p.calls, p.kept = append(p.calls, rest.calls...), append(p.kept, rest)
	last := p.calls[len(p.calls)-1]
	p.calls = p.calls[:len(p.calls)-1]
	p.add("take signals again", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, keep(p, unix.Sigset_t{}), 0, signalSetBytes)
	p.calls = append(p.calls, last)

	pid, errno := p.fork()
	goruntime.KeepAlive(p)
	if errno != 0 {
		open()
		return 0, fmt.Errorf("fork: %w", errno)
	}
	err = r.mapUser(pid)
	if err == nil {
		_, err = unix.Write(gate[1], []byte{1})
	}
	open() // who waits at the gate ends
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL)
		return pid, err
	}
	return pid, nil
}

// signalSetBytes is the size of a set of signals as the kernel sees it.
const signalSetBytes = 8

const sandboxNamespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET |
	unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP

// fork makes a process that runs the plan in namespaces of its own, as a child of the spawner's parent. Signals are held
// back meanwhile: handlers are Go code, for which the child has no scheduler.
//
//go:norace
//go:nosplit
//go:noinline
//go:nocheckptr
func (p *plan) fork() (int, syscall.Errno) {
	all, before := ^uint64(0), uint64(0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&before)), signalSetBytes, 0, 0)
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, sandboxNamespaces|unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && pid == 0 {
		p.run()
		for {
			_, _, _ = syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 70, 0, 0, 0, 0, 0)
		}
	}
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&before)), 0, signalSetBytes, 0, 0)
	return int(pid), errno
}

// mapUser makes the host's user the sandbox's user 0.
func (r spawnRequest) mapUser(pid int) error {
	line := []byte("0 " + strconv.Itoa(r.User) + " 1")
	for _, file := range []string{"uid_map", "gid_map"} {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, file), line, 0); err != nil {
			return fmt.Errorf("give the sandbox its user: %w", err)
		}
	}
	return nil
}

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yunduo"
)

// initialised says that the program calls SandboxInit: without that, starting it again would not become a sandbox.
var initialised atomic.Bool

// firstUser is the first of the host's user IDs that sandboxes get, each its own, where the host may give them away.
const firstUser = 0x6000_0000

// launcher starts processes, sandboxed where the kernel allows it.
type launcher struct {
	opts     Options
	runner   string
	starter  *starter
	why      string // no sandbox because of this
	layout   layout
	root     bool // the host may give every sandbox a user of its own and mount into it
	mounter  *mounter
	spawner  *spawner // forks sandboxes, where the host is root
	lastUser atomic.Uint32
	egress   *egress
	outlets  string // folder of the sockets to the outside
	groups   *cgroups
	reserved int64 // memory that Node.js reserves and does not use
}

func newLauncher(opts Options, runner string) (*launcher, error) {
	l := &launcher{opts: opts, runner: runner, starter: newStarter(), root: os.Geteuid() == 0 && !opts.rootless, groups: openCgroups(opts.AppCPUs)}
	if opts.Sandbox == SandboxOff {
		l.why = "switched off"
		return l, nil
	}
	if err := l.prepare(); err != nil {
		l.why = err.Error()
		if opts.Sandbox == SandboxRequire {
			l.endSpawner()
			l.starter.close()
			l.groups.close()
			return nil, fmt.Errorf("the sandbox is required, but does not work here: %w", err)
		}
		l.opts.Logger.Warn("functions run without a sandbox", "cause", l.why)
	}
	return l, nil
}

// prepare finds out what belongs into a sandbox and tries whether one can be made.
func (l *launcher) prepare() error {
	if !initialised.Load() {
		return fmt.Errorf("the program does not call node.SandboxInit")
	}
	var err error
	if l.layout, err = newLayout(l.opts.NodePath, l.runner); err != nil {
		return err
	}
	l.egress = &egress{allow: l.opts.Egress, destinations: l.opts.Destinations, limits: l.opts.Limits.withDefaults(), resolver: l.opts.resolver, inside: l.opts.Inside}
	if l.egress.allow == nil {
		l.egress.allow = PublicOnly
	}
	if l.reserved, err = reservedData(l.opts.NodePath); err != nil {
		return err
	}
	l.outlets = filepath.Join(l.opts.Dir, "outlets")
	if err := os.RemoveAll(l.outlets); err != nil { // of a server that was killed
		return fmt.Errorf("clear the folder of the ways out: %w", err)
	}
	if err := os.Mkdir(l.outlets, 0o700); err != nil {
		return fmt.Errorf("make the folder of the ways out: %w", err)
	}
	if l.root {
		if err = l.prepareRoot(); err == nil {
			if err = l.try(); err == nil {
				l.mounter = newMounter()
				return nil
			}
			l.endSpawner()
		}
		// Root of a container is often not allowed to do more than anybody else.
		l.opts.Logger.Info("sandboxes share one user and get their folders when they start", "cause", err.Error())
		l.root = false
	}
	return l.try()
}

// prepareRoot gives the thread that starts processes a view of the file system in which the sandbox's root is ready
// made.
func (l *launcher) prepareRoot() error {
	return l.starter.do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("unshare the mounts: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make the mounts private: %w", err)
		}
		if err := l.layout.assemble(); err != nil {
			return err
		}
		return l.startSpawner()
	})
}

func (l *launcher) startSpawner() (err error) {
	if l.spawner, err = startSpawner(); err != nil {
		return err
	}
	if err := l.groups.adopt(l.spawner.cmd.Process.Pid); err != nil { // its children move there themselves
		l.opts.Logger.Debug("the spawner is not in the group of what starts", "error", err)
	}
	return nil
}

func (l *launcher) endSpawner() {
	if l.spawner != nil {
		l.spawner.close()
		l.spawner = nil
	}
}

// try makes a sandbox and lets go of it.
func (l *launcher) try() error {
	c, err := l.startSandbox(bootSpec{heapBytes: l.opts.HeapBytes}, true)
	if err != nil {
		return err
	}
	err = c.wait()
	c.close()
	if err != nil {
		return fmt.Errorf("%s", strings.TrimSpace(c.stderr.String()+" "+err.Error()))
	}
	return nil
}

func (l *launcher) sandboxed() bool { return l.why == "" }

// canAttach reports whether a folder can be mounted into a running sandbox.
func (l *launcher) canAttach() bool { return l.mounter != nil && l.mounter.works }

func (l *launcher) isolation() (mode, why string) {
	if l.sandboxed() {
		return "sandbox", ""
	}
	return "none", l.why
}

func (l *launcher) start(spec bootSpec) (c *child, err error) {
	over := l.groups.starts()
	defer func() {
		if err != nil {
			over()
		} else {
			c.started = over
		}
	}()
	if l.sandboxed() {
		c, err = l.startSandbox(spec, false)
	} else {
		c, err = l.startPlain(spec)
	}
	if err != nil {
		return nil, err
	}
	// No code of a stranger runs in it before it is in its place.
	limits := groupLimits{memory: l.opts.data(spec) + scratchBytes + groupSlack, tasks: maxTasks}
	if c.group, err = l.groups.place(c.process.Pid, limits); err != nil {
		c.process.Kill()
		_ = c.wait() // it was ended
		c.close()
		return nil, err
	}
	return c, nil
}

// groupSlack is what a process may use beside what RLIMIT_DATA counts: code, stacks and memory of the kernel.
const groupSlack = 64 << 20

func (l *launcher) attach(c *child, folder string) error {
	return l.mounter.attach(c.process.Pid, folder)
}

func (l *launcher) close() {
	if l.mounter != nil {
		l.mounter.close()
	}
	l.endSpawner()
	l.groups.close()
	l.starter.close()
	if l.outlets != "" {
		os.RemoveAll(l.outlets)
	}
}

// startSandbox starts a process that becomes a sandbox and then Node.js. With probe it ends where Node.js would start.
func (l *launcher) startSandbox(spec bootSpec, probe bool) (*child, error) {
	c := &child{token: yunduo.NewSecret(), stderr: &tail{}}
	b := boot{Token: c.token, Sandbox: true, Preload: []string{}}
	cmd := exec.Command("/proc/self/exe")
	if err := c.prepare(false, cmd, &b); err != nil {
		return nil, err
	}
	folder, out, err := l.openOutlet()
	if err != nil {
		c.begun()
		c.close()
		return nil, err
	}
	c.belong = out.belong
	c.leave = func() {
		out.close()
		os.RemoveAll(folder)
	}
	c.inside = func() { out.inside.Store(true) }
	binds := map[string]string{sandboxRun: folder}
	b.Egress = filepath.Join(sandboxRun, outletName)
	if spec.folder != "" {
		binds[sandboxFolder] = spec.folder
	}
	bootText, err := json.Marshal(b)
	if err == nil {
		s := stage{
			Layout: l.layout, Probe: probe,
			Files: len(cmd.ExtraFiles), Data: l.opts.data(spec) + l.reserved,
			Args: nodeArgs(spec.heapBytes, filepath.Join(sandboxRunner, "main.js")),
			Env:  []string{"TZ=UTC", "YUNDUO_BOOT=" + string(bootText)},
		}
		if l.root {
			s.OwnUser = true
			err = l.spawn(c, s, binds, cmd.ExtraFiles)
		} else {
			s.Binds = binds
			err = l.execute(c, s, cmd)
		}
	}
	c.begun()
	if err != nil {
		c.close()
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	return c, nil
}

// spawn has the spawner fork the child, with a user of its own.
func (l *launcher) spawn(c *child, s stage, binds map[string]string, files []*os.File) error {
	printed, stderr, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stderr.Close()
	request := spawnRequest{Stage: s, User: firstUser + int(l.lastUser.Add(1)%0x1000_0000)}
	var pid int
	err = l.starter.do(func() error {
		undo, err := l.layout.bind(binds)
		defer undo()
		if err != nil {
			return err
		}
		files := append([]*os.File{stderr}, files...)
		if l.spawner != nil {
			pid, err = l.spawner.spawn(request, files)
		}
		if l.spawner == nil || errors.Is(err, errSpawnerGone) {
			l.endSpawner()
			if err = l.startSpawner(); err == nil {
				pid, err = l.spawner.spawn(request, files)
			}
		}
		return err
	})
	if err != nil {
		printed.Close()
		return err
	}
	return c.adopt(pid, printed)
}

// adopt takes a process that somebody else has forked as a child of the server, and the pipe with what it prints.
func (c *child) adopt(pid int, printed *os.File) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		printed.Close()
		return err
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer printed.Close()
		_, _ = io.Copy(c.stderr, printed) // what cannot be read is missing in the log
	}()
	c.process = process
	c.reap = func() (*os.ProcessState, error) {
		state, err := process.Wait()
		limit := time.NewTimer(lastWords)
		defer limit.Stop()
		select {
		case <-copied:
		case <-limit.C: // another copy of the pipe's other end is on its way through a socket, or in one that nobody reads
			printed.Close()
			<-copied
		}
		if err == nil && !state.Success() {
			err = &exec.ExitError{ProcessState: state}
		}
		return state, err
	}
	return nil
}

// execute starts this program again as the first stage of a sandbox (see SandboxInit) with the server's own user.
func (l *launcher) execute(c *child, s stage, cmd *exec.Cmd) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	cmd.Args = []string{stageName}
	cmd.Dir = "/"
	cmd.Env = []string{stageVariable + "=" + string(text)}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  sandboxNamespaces,
		Setsid:      true,
		Pdeathsig:   syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		// Without this the process would be mapped to nobody and could not mount anything.
		Credential: &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true},
	}
	return c.run(l.starter.do, cmd)
}

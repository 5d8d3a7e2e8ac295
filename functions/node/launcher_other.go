//go:build !linux

package node

import "errors"

// launcher starts processes. There is no sandbox on this system.
type launcher struct {
	opts    Options
	runner  string
	starter *starter
}

func newLauncher(opts Options, runner string) (*launcher, error) {
	if opts.Sandbox == SandboxRequire {
		return nil, errors.New("the sandbox needs Linux")
	}
	return &launcher{opts: opts, runner: runner, starter: newStarter()}, nil
}

func (l *launcher) isolation() (mode, why string) { return "none", "the sandbox needs Linux" }

func (l *launcher) start(spec bootSpec) (*child, error) { return l.startPlain(spec) }

// attach is never called: without a sandbox nothing has to be mounted.
func (l *launcher) attach(*child, string) error { return errors.ErrUnsupported }

// walls reports that there are none beside what Node.js itself limits.
func (l *launcher) walls(probe) []Wall {
	const why = "the sandbox needs Linux"
	var all []Wall
	for _, name := range []WallName{WallNamespaces, WallCalls, WallNetwork} {
		all = append(all, Wall{Name: name, Essential: true, Detail: why, Remedy: RemedyLinux})
	}
	for _, name := range []WallName{WallUser, WallMemory, WallTasks, WallCPU, WallFlood} {
		all = append(all, Wall{Name: name, Detail: why, Remedy: RemedyLinux})
	}
	return all
}

func (l *launcher) sandboxed() bool { return false }
func (l *launcher) canAttach() bool { return false }
func (l *launcher) close()          { l.starter.close() }

// SandboxInit does nothing on this system; see the Linux version.
func SandboxInit() {}

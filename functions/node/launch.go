package node

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"time"

	"yunduo"
)

//go:embed worker/*.js
var workerFiles embed.FS

// lookNode finds the Node.js binary on the PATH.
func lookNode() (string, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("find Node.js: %w (install Node.js 20 or name its binary in the settings)", err)
	}
	return filepath.EvalSymlinks(path)
}

// writeRunner puts the JavaScript that runs inside the processes into dir and returns its folder.
func writeRunner(dir string, sdk []byte) (string, error) {
	runner := filepath.Join(dir, "runner")
	for _, folder := range []string{runner, filepath.Join(dir, "empty")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return "", fmt.Errorf("make the runner's folder: %w", err)
		}
	}
	main, err := workerFiles.ReadFile("worker/main.js")
	if err != nil {
		return "", err
	}
	modules, err := runnerModules(sdk)
	if err != nil {
		return "", err
	}
	for name, text := range map[string][]byte{"main.js": main, "runner.js": modules} {
		if err := os.WriteFile(filepath.Join(runner, name), text, 0o644); err != nil {
			return "", fmt.Errorf("write the runner: %w", err)
		}
	}
	if err := os.Remove(filepath.Join(runner, compiledRunner)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of another version
		return "", fmt.Errorf("write the runner: %w", err)
	}
	return runner, nil
}

// compiledRunner is the file with V8's compiled form of the runner.
const compiledRunner = "runner.cache"

// runnerModules returns a script whose value has a function for each of the runner's modules.
func runnerModules(sdk []byte) ([]byte, error) {
	names, err := fs.Glob(workerFiles, "worker/*.js")
	if err != nil {
		return nil, err
	}
	var script bytes.Buffer
	add := func(name string, text []byte) {
		fmt.Fprintf(&script, "'./%s': function (exports, require, module, __filename, __dirname) {\n%s\n},\n", name, text)
	}
	script.WriteString("({\n")
	for _, name := range names {
		if name == "worker/main.js" {
			continue
		}
		text, err := workerFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		add(strings.TrimSuffix(path.Base(name), ".js"), text)
	}
	if len(sdk) > 0 {
		add("sdk", sdk)
	}
	script.WriteString("})\n")
	return script.Bytes(), nil
}

// keepCompiled gives the compiled form of the runner, which a blank process has sent, to those that boot from now on.
// Without it they take longer, and that is all.
func (r *Runtime) keepCompiled(compiled []byte) {
	if r.compiled.Swap(true) {
		return
	}
	file := filepath.Join(r.runner, compiledRunner)
	// Under another name first: somebody may be booting.
	err := os.WriteFile(file+".new", compiled, 0o644)
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		r.log.Warn("the compiled runner cannot be kept; functions start slower", "error", err)
	}
}

// bootSpec is what must be known before a process boots.
type bootSpec struct {
	heapBytes int64
	folder    string // mounted at boot; empty when there is none, or when it can be mounted later
}

// data is how much memory a process may have for its own data.
func (o Options) data(spec bootSpec) int64 { return spec.heapBytes + o.OffHeap }

// boot is what a starting process learns from its environment.
type boot struct {
	FD      int      `json:"fd,omitempty"`     // the open socket, or
	Port    int      `json:"port,omitempty"`   // the loopback port to connect to
	Tokens  int      `json:"tokens,omitempty"` // the pipe with the tokens, see claims.go
	Token   string   `json:"token"`
	Sandbox bool     `json:"sandbox"`
	Egress  string   `json:"egress,omitempty"`
	Preload []string `json:"preload"`
}

// nodeArgs are the arguments of Node.js for a heap limit.
func nodeArgs(heapBytes int64, main string) []string {
	return []string{fmt.Sprintf("--max-old-space-size=%d", max(16, heapBytes>>20)), "--no-warnings", "--trace-sigint", main}
}

// child is a started process that has not said hello yet.
type child struct {
	process *os.Process
	reap    func() (*os.ProcessState, error) // waits for its end, and for all that it has printed
	state   *os.ProcessState                 // once it has been waited for
	conn    func() (net.Conn, error)         // waits for the connection where the process has to make it
	token   string
	stderr  *tail
	begun   func()             // lets go of what the child has inherited, once it has started or failed to
	tokens  *tokens            // nil where there are none
	closer  func()             // closes the connection
	leave   func()             // closes the way out; nil where there is none
	started func()             // takes note that it has booted, or never will; nil where nobody does
	group   *cgroup            // nil where there are none
	belong  func(yunduo.AppID) // tells the way out whose code the process runs; nil where there is none
	inside  func()             // lets the way out lead to the platform itself; nil where there is none
}

// lastWords is how long what a process has printed may take to arrive once it is gone.
const lastWords = 200 * time.Millisecond

// run starts a command as the child.
func (c *child) run(start func(func() error) error, cmd *exec.Cmd) error {
	cmd.Stderr, cmd.WaitDelay = c.stderr, lastWords // others may have got hold of it
	if err := start(cmd.Start); err != nil {
		return err
	}
	c.process = cmd.Process
	c.reap = func() (*os.ProcessState, error) {
		err := cmd.Wait()
		return cmd.ProcessState, err
	}
	return nil
}

// wait reaps the child. The error is an exec.ExitError if it did not end well.
func (c *child) wait() (err error) {
	c.state, err = c.reap()
	return err
}

// close releases what belongs to the child alone, once it is gone.
func (c *child) close() {
	c.closer()
	if c.leave != nil {
		c.leave()
	}
	if c.tokens != nil {
		c.tokens.close()
	}
	if c.group != nil {
		c.group.remove()
	}
}

// prepare makes the connection and the tokens of a child that is about to start.
func (c *child) prepare(portable bool, cmd *exec.Cmd, b *boot) error {
	transport, err := openTransport(portable, cmd, b)
	if err != nil {
		return err
	}
	c.conn, c.closer, c.begun = transport.conn, transport.close, transport.started
	if b.FD == 0 {
		return nil
	}
	if c.tokens, err = newTokens(); err != nil {
		c.begun()
		c.closer()
		return err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, c.tokens.file)
	b.Tokens = 2 + len(cmd.ExtraFiles)
	c.begun = func() {
		transport.started()
		c.tokens.started()
	}
	return nil
}

// starter runs functions on one operating system thread: Linux ends a child when the thread that started it ends.
type starter struct {
	jobs chan func()
	done sync.WaitGroup
}

func newStarter() *starter {
	s := &starter{jobs: make(chan func())}
	s.done.Go(func() {
		goruntime.LockOSThread()
		for job := range s.jobs {
			job()
		}
	})
	return s
}

func (s *starter) do(f func() error) error {
	result := make(chan error, 1)
	s.jobs <- func() { result <- f() }
	return <-result
}

func (s *starter) close() {
	close(s.jobs)
	s.done.Wait()
}

// startPlain starts a process without a sandbox.
func (l *launcher) startPlain(spec bootSpec) (*child, error) {
	c := &child{token: yunduo.NewSecret(), stderr: &tail{}}
	b := boot{Token: c.token, Preload: []string{}}
	cmd := exec.Command(l.opts.NodePath, nodeArgs(spec.heapBytes, filepath.Join(l.runner, "main.js"))...)
	if err := c.prepare(l.opts.portable, cmd, &b); err != nil {
		return nil, err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(plainEnv(), "TZ=UTC", "YUNDUO_BOOT="+string(text))
	cmd.Dir = filepath.Join(l.opts.Dir, "empty")
	setPlainAttributes(cmd)
	err = c.run(l.starter.do, cmd)
	c.begun()
	if err != nil {
		c.close()
		return nil, fmt.Errorf("start Node.js: %w", err)
	}
	return c, nil
}

// plainEnv is what a process without a sandbox gets from the host's environment: what programs need to run at all.
func plainEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "SystemRoot", "TEMP", "TMP", "TMPDIR", "USERPROFILE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

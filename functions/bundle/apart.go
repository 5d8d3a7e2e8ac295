package bundle

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"sync/atomic"
	"time"

	"yunduo"
)

// Code that was written to harm a compiler (nested a million deep, say) can end the process that compiles it. Builds
// of strangers' code therefore run in a process of their own: this same program, started under another name.

const (
	apartName    = "yunduo-bundle"
	apartTimeout = 10 * time.Minute
	apartStack   = 256 << 20 // bytes; far more than code needs that people wrote
	apartBuilds  = 2         // at the same time
)

var initialised atomic.Bool

// Init must be called first thing in main, and in TestMain of tests, of programs that build apart: in a process that
// is there to build, it builds and never returns.
func Init() {
	initialised.Store(true)
	if len(os.Args) == 0 || os.Args[0] != apartName {
		return
	}
	debug.SetMaxStack(apartStack)
	if err := serveBuild(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(70)
	}
	os.Exit(0)
}

// CanBuildApart reports whether Init was called.
func CanBuildApart() bool { return initialised.Load() }

// apartRequest is what the process gets on its standard input.
type apartRequest struct {
	Builder BuilderOptions
	Dir     string
	Options Options
}

// apartReply is the first line of its standard output; the archive of the bundle follows if there is one.
type apartReply struct {
	Reason  yunduo.Reason
	Message string
	Stack   string
	Cause   string
	Bundle  bool
	Report  Report
}

func serveBuild(in io.Reader, out io.Writer) error {
	var request apartRequest
	if err := json.NewDecoder(in).Decode(&request); err != nil {
		return err
	}
	builder, err := NewBuilder(request.Builder)
	if err != nil {
		return err
	}
	bundle, err := builder.Build(context.Background(), request.Dir, request.Options)
	var reply apartReply
	if bundle != nil {
		reply.Bundle, reply.Report = true, bundle.Report
	}
	if err != nil {
		e := yunduo.AsError(err)
		reply.Reason, reply.Message, reply.Stack = e.Reason, e.Message, e.Stack
		if e.Cause != nil {
			reply.Cause = e.Cause.Error()
		}
	}
	w := bufio.NewWriter(out)
	if err := json.NewEncoder(w).Encode(reply); err != nil {
		return err
	}
	if bundle != nil {
		if err := bundle.Encode(w); err != nil {
			return err
		}
	}
	return w.Flush()
}

// BuildApart is Build for code that nobody here vouches for: whatever the code does to the compiler, only the build
// fails. It needs Init.
func (b *Builder) BuildApart(ctx context.Context, dir string, o Options) (*Bundle, error) {
	if !initialised.Load() {
		return nil, errors.New("bundle.Init was not called")
	}
	select {
	case b.apart <- struct{}{}:
		defer func() { <-b.apart }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	request, err := json.Marshal(apartRequest{Builder: b.options, Dir: dir, Options: o})
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, apartTimeout)
	defer cancel()
	stdout, stderr, err := runApart(limited, program, request)
	if killed(err) && limited.Err() == nil { // by the kernel, for memory that others took as well as it did
		stdout, stderr, err = runApart(limited, program, request)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, yunduo.Wrap(fmt.Errorf("%w: %s", err, stderr), yunduo.ReasonInvalidBundle, "the code cannot be compiled: it is nested too deep, or takes too much time or memory")
	}
	return readReply(stdout, b.limits)
}

// killed reports whether a signal has ended the process.
func killed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == -1
}

// runApart runs the compiler's process once, and returns what it wrote.
func runApart(ctx context.Context, program string, request []byte) (stdout *bytes.Buffer, stderr []byte, err error) {
	cmd := exec.CommandContext(ctx, program)
	cmd.Args = []string{apartName}
	cmd.Env = withoutOwn(os.Environ())
	cmd.Stdin = bytes.NewReader(request)
	cmd.WaitDelay = 5 * time.Second
	stdout = &bytes.Buffer{}
	head := &headWriter{limit: 4 << 10}
	cmd.Stdout, cmd.Stderr = stdout, head
	err = cmd.Run()
	return stdout, head.data, err
}

func readReply(r *bytes.Buffer, limits Limits) (bundle *Bundle, err error) {
	line, err := r.ReadBytes('\n')
	var reply apartReply
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	if err != nil {
		return nil, fmt.Errorf("read the reply of a build: %w", err)
	}
	if reply.Bundle {
		if bundle, err = Decode(r, limits); err != nil {
			return nil, err
		}
		bundle.Report = reply.Report
	}
	if reply.Reason == "" {
		return bundle, nil
	}
	failure := &yunduo.Error{Reason: reply.Reason, Message: reply.Message, Stack: reply.Stack}
	if reply.Cause != "" {
		failure.Cause = errors.New(reply.Cause)
	}
	return bundle, failure
}

// headWriter keeps the beginning of what is written: a crash tells its reason first.
type headWriter struct {
	data  []byte
	limit int
}

func (w *headWriter) Write(p []byte) (int, error) {
	if room := w.limit - len(w.data); room > 0 {
		w.data = append(w.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// Package node runs functions in Node.js: one process per replica of one version, taken from a pool of processes that
// are already booted and sandboxed, with slots inside for requests at the same time.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
	"yunduo/internal/eventloop"
)

// Sandbox says what happens when the kernel offers no isolation.
type Sandbox string

// The sandbox modes.
const (
	SandboxAuto    Sandbox = "auto"    // isolate where the kernel allows it, else run plain processes
	SandboxOff     Sandbox = "off"     // plain processes
	SandboxRequire Sandbox = "require" // New fails where the kernel does not allow isolation
)

// Options configure a Runtime. The zero value of a field means its default.
type Options struct {
	NodePath  string // the Node.js binary; default: node from PATH
	Dir       string // scratch folder of the runtime; used by nobody else; default: a new temporary folder, removed by Close
	ServerSDK []byte // CommonJS text that exports create(host): the modules that answer to the vendor's SDK names
	Sandbox   Sandbox
	Logger    *slog.Logger

	PoolSize    int           // blank processes that wait at the least; default 2
	Slots       int           // requests at the same time in one process; default 16
	Replicas    int           // processes of one version at the most; default 32
	IdleTimeout time.Duration // how long a process without requests is kept; default 5 min
	HeapBytes   int64         // default heap limit of a function; default 256 MiB
	OffHeap     int64         // memory allowed beside the heap: buffers, stacks, native code; default 384 MiB
	Timeout     time.Duration // default time limit of an invocation; default 60 s
	Grace       time.Duration // default time for work after the reply; default 10 s

	AppCPUs float64 // processors that the functions of one app may use, where the machine has control groups; default: all
	// Loop is where the processes' sockets are waited for; nil gives each process a goroutine.
	Loop *eventloop.Loop

	// Egress decides where sandboxed code may connect to; nil means public addresses only.
	Egress EgressPolicy
	// Destinations returns where else the functions of an app are bound to (see package destinations); nil or an empty
	// list means that they are not.
	Destinations func(ctx context.Context, app yunduo.AppID) ([]string, error)
	Limits       EgressLimits // of each app

	resolver *net.Resolver // of names that function code asks for

	headroom func() headroom // of the machine

	tracePatience time.Duration // how long a process that is about to be ended may take to tell where it is

	// Inside is how sandboxed code that brings the vendor's SDKs along reaches the platform; nil: not at all.
	Inside *Inside

	// Inspect, if not nil, lets debuggers look into processes, which then have no sandbox.
	Inspect *Inspect

	portable bool // use the transport of systems that cannot hand over an open socket
	rootless bool // do without what only root may do
}

func (o Options) withDefaults() (Options, error) {
	if o.NodePath == "" {
		path, err := lookNode()
		if err != nil {
			return o, err
		}
		o.NodePath = path
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sandbox == "" {
		o.Sandbox = SandboxAuto
	}
	if o.Inspect != nil {
		if o.Sandbox == SandboxRequire {
			return o, errors.New("functions that are inspected cannot be sandboxed: the inspector could not be reached")
		}
		o.Sandbox, o.Replicas = SandboxOff, 1
	}
	setDefault(&o.PoolSize, 2)
	setDefault(&o.Slots, 16)
	setDefault(&o.Replicas, 32)
	setDefault(&o.IdleTimeout, 5*time.Minute)
	setDefault(&o.HeapBytes, 256<<20)
	setDefault(&o.OffHeap, 384<<20)
	setDefault(&o.Timeout, 60*time.Second)
	setDefault(&o.Grace, 10*time.Second)
	setDefault(&o.tracePatience, traceLimit)
	if o.headroom == nil {
		o.headroom = machineMemory
	}
	setDefault(&o.resolver, net.DefaultResolver)
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Inside takes connections of function code to the platform's own address, which the policy for others need not allow.
type Inside struct {
	At    func(address netip.AddrPort) bool // whether an address is the platform's
	Serve func(conn net.Conn)               // takes a connection over and closes it
}

// Runtime runs bundles in Node.js processes. It is safe for concurrent use.
type Runtime struct {
	opts       Options
	log        *slog.Logger
	release    func()      // lets go of the scratch folder; nil if that is not the runtime's own
	runner     string      // folder of the JavaScript that runs inside the processes
	compiled   atomic.Bool // V8's compiled form of it is there, or on its way
	forms      *forms
	launcher   *launcher
	pool       *pool
	background sync.WaitGroup
	stop       context.CancelFunc
	ctx        context.Context

	relief   sync.Mutex
	relieved time.Time // when processes were last ended for want of memory

	mu       sync.Mutex
	programs map[*Program]struct{}
	closed   bool
}

var _ runtime.Runtime = (*Runtime)(nil)

// New starts a runtime and fills its pool in the background. SandboxRequire fails where the kernel does not allow
// isolation; with SandboxAuto, Isolation tells the outcome.
func New(opts Options) (*Runtime, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Runtime{opts: opts, log: opts.Logger, programs: map[*Program]struct{}{}}
	if opts.Dir == "" {
		if r.opts.Dir, r.release, err = newScratch(); err != nil {
			return nil, err
		}
	}
	if r.runner, err = writeRunner(r.opts.Dir, opts.ServerSDK); err != nil {
		return nil, errors.Join(err, r.removeDir())
	}
	if r.forms, err = newForms(r.opts.Dir, r.opts.NodePath); err != nil {
		return nil, errors.Join(err, r.removeDir())
	}
	if r.launcher, err = newLauncher(r.opts, r.runner); err != nil {
		return nil, errors.Join(err, r.removeDir())
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.pool = newPool(r)
	r.background.Go(r.janitor)
	return r, nil
}

// Isolation tells what keeps functions apart from the host and from each other: "sandbox" (namespaces, seccomp and
// limits of the kernel) or "none" (plain processes), followed by the reason in the second result.
func (r *Runtime) Isolation() (mode, why string) { return r.launcher.isolation() }

// Load implements runtime.Runtime. It starts nothing.
func (r *Runtime) Load(_ context.Context, bundle runtime.Bundle) (runtime.Program, error) {
	p, err := newProgram(r, bundle)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, yunduo.Errorf(yunduo.ReasonShuttingDown, "the server is stopping")
	}
	r.programs[p] = struct{}{}
	return p, nil
}

// Close ends every program and process. Running invocations are given until ctx ends.
func (r *Runtime) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	var programs []*Program
	for p := range r.programs {
		programs = append(programs, p)
	}
	r.mu.Unlock()
	var group sync.WaitGroup
	for _, p := range programs {
		group.Go(func() { p.Close(ctx) })
	}
	group.Wait()
	r.stop()
	r.pool.close()
	r.background.Wait()
	r.launcher.close()
	return r.removeDir()
}

func (r *Runtime) removeDir() error {
	if r.release == nil {
		return nil
	}
	defer r.release()
	return os.RemoveAll(r.opts.Dir)
}

func (r *Runtime) forget(p *Program) {
	r.mu.Lock()
	delete(r.programs, p)
	r.mu.Unlock()
}

// janitor ends and freezes processes that nobody needs.
func (r *Runtime) janitor() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case now := <-ticker.C:
			r.mu.Lock()
			programs := make([]*Program, 0, len(r.programs))
			for p := range r.programs {
				programs = append(programs, p)
			}
			r.mu.Unlock()
			for _, p := range programs {
				p.tend(now)
			}
			short, _ := r.relieve(now)
			r.pool.tend(short)
		}
	}
}

// emptyFolder is the working directory of unsandboxed functions without files.
func (r *Runtime) emptyFolder() string { return filepath.Join(r.opts.Dir, "empty") }

// parallelism is how many processes of one version are started without hesitation.
func parallelism() int { return max(2, goruntime.GOMAXPROCS(0)) }

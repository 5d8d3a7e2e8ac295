package node

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// busyNode makes Node.js do what functions do: files, timers, threads of the pool, compression, cryptography, local
// sockets, dynamic code and collected garbage.
const busyNode = `
const fs = require('fs'), os = require('os'), net = require('net'), zlib = require('zlib'), crypto = require('crypto'), path = require('path'), vm = require('vm')
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'y-')), file = path.join(dir, 'a')
const main = async () => {
  fs.writeFileSync(file, 'x'); fs.appendFileSync(file, 'y'); fs.copyFileSync(file, file + 'b'); fs.renameSync(file + 'b', file + 'c'); fs.symlinkSync(file, file + 'l'); fs.linkSync(file, file + 'h')
  fs.readFileSync(file + 'l'); fs.realpathSync(file); fs.readlinkSync(file + 'l'); fs.chmodSync(file, 0o600); fs.utimesSync(file, 1, 1); fs.truncateSync(file, 1); fs.accessSync(file); fs.statfsSync && fs.statfsSync(dir); fs.readdirSync(dir)
  const h = await fs.promises.open(file, 'r+'); await h.write('abc'); await h.read(Buffer.alloc(3), 0, 3, 0); await h.readv([Buffer.alloc(2)]); await h.writev([Buffer.from('q')]); await h.sync(); await h.datasync(); await h.stat(); await h.close()
  await new Promise(done => fs.createReadStream(file).pipe(fs.createWriteStream(file + 'd')).on('close', done))
  const w = fs.watch(dir); await new Promise(done => setTimeout(done, 5)); w.close()
  for (let i = 0; i < 8; i++) fs.promises.stat(dir)
  await new Promise((ok, no) => crypto.pbkdf2('a', 'b', 1000, 32, 'sha256', e => e ? no(e) : ok())); crypto.randomBytes(32); crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  zlib.gunzipSync(zlib.gzipSync('x'.repeat(1e5))); zlib.brotliCompressSync('x'.repeat(1e4)); await new Promise(done => zlib.deflate('x', done))
  const sock = path.join(dir, 's'), server = net.createServer(c => c.pipe(c)).listen(sock); await new Promise(done => server.on('listening', done))
  const c = net.connect(sock); c.end('hello'); for await (const x of c) x.length; server.close()
  os.cpus(); os.freemem(); os.loadavg(); os.uptime(); os.hostname(); process.memoryUsage(); process.resourceUsage(); process.cpuUsage(); process.hrtime(); process.chdir(dir); process.cwd(); process.umask(0); process.kill(process.pid, 0); os.setPriority && os.getPriority()
  vm.runInNewContext('1 + 1'); new Function('return 1')(); new WebAssembly.Memory({ initial: 1 }).grow(1); const all = []; for (let i = 0; i < 2e5; i++) all.push({ i }); structuredClone({ a: 1 }); new SharedArrayBuffer(1 << 20); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
  await new Promise(setImmediate); process.emitWarning && 1; fs.rmSync(dir, { recursive: true })
}
main().then(() => process.exit(0), e => { console.error(e); process.exit(1) })
`

// refusedCalls are what Node.js makes or tries and gets along without, or what a function may not do.
var refusedCalls = []string{"clone3", "io_uring_setup", "io_uring_register", "io_uring_enter", "sched_setattr", "sched_getattr", "mseal"}

// Every system call that Node.js makes is in the filter's list, or known to be dispensable.
func TestFilterFitsNode(t *testing.T) {
	node, err := lookNode()
	if name := os.Getenv("YUNDUO_TEST_NODE"); name != "" {
		node, err = name, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "busy.js")
	if err := os.WriteFile(script, []byte(busyNode), 0o644); err != nil {
		t.Fatal(err)
	}
	seen, err := traceCalls(node, nodeArgs(64<<20, script))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d calls: %v", len(seen), slices.Sorted(maps.Keys(seen)))
	if len(seen) < 40 {
		t.Fatalf("only %d calls were seen", len(seen))
	}
	known := slices.Concat(allowedCalls, refusedCalls, []string{"clone", "prctl", "socket", "socketpair", "fork", "vfork"})
	for name := range seen {
		if !slices.Contains(known, name) {
			t.Errorf("Node.js calls %s, which the filter does not know", name)
		}
	}
	for _, name := range []string{"ptrace", "mount", "bpf", "unshare", "setns", "init_module", "process_vm_readv", "keyctl", "perf_event_open", "userfaultfd", "io_uring_setup", "clone3", "chroot", "pivot_root", "reboot", "setuid", "mknod", "open_by_handle_at"} {
		if slices.Contains(allowedCalls, name) {
			t.Errorf("the filter allows %s", name)
		}
	}
}

// What depends on arguments is decided by them.
func TestFilter_Arguments(t *testing.T) {
	raw, err := buildFilter(arch.X86_64)
	if err != nil {
		t.Fatal(err)
	}
	program, ok := bpf.Disassemble(raw)
	if !ok {
		t.Fatal("the filter has unknown instructions")
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		argument uint32
		want     uint32
	}{
		{"prctl", unix.PR_SET_NAME, unix.SECCOMP_RET_ALLOW},
		{"prctl", unix.PR_SET_VMA, unix.SECCOMP_RET_ALLOW},
		{"prctl", unix.PR_SET_PDEATHSIG, unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)}, // it would outlive the server
		{"prctl", unix.PR_SET_DUMPABLE, unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{"prctl", unix.PR_SET_CHILD_SUBREAPER, unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{"socket", unix.AF_UNIX, unix.SECCOMP_RET_ALLOW},
		{"socket", unix.AF_INET, unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)},
		{"clone", unix.CLONE_THREAD | unix.CLONE_VM, unix.SECCOMP_RET_ALLOW},
		{"clone", uint32(unix.SIGCHLD), unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{"clone", unix.CLONE_THREAD | unix.CLONE_NEWUSER, unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{"read", 0, unix.SECCOMP_RET_ALLOW},
		{"ptrace", 0, unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	} {
		data := make([]byte, 64) // in the byte order of the virtual machine
		binary.BigEndian.PutUint32(data, uint32(arch.X86_64.SyscallNames[c.name]))
		binary.BigEndian.PutUint32(data[4:], uint32(arch.X86_64.ID))
		binary.BigEndian.PutUint32(data[16:], c.argument)
		if got, err := vm.Run(data); err != nil || uint32(got) != c.want {
			t.Errorf("%s(%#x) gives %#x, want %#x: %v", c.name, c.argument, got, c.want, err)
		}
	}
}

// traceCalls runs a program and returns the names of the system calls that its threads make.
func traceCalls(path string, args []string) (map[string]bool, error) {
	goruntime.LockOSThread() // a traced process belongs to the thread that traces it
	defer goruntime.UnlockOSThread()
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	limit := time.AfterFunc(2*time.Minute, func() { syscall.Kill(pid, syscall.SIGKILL) })
	defer limit.Stop()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return nil, err
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(pid, options); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for tid := pid; ; {
		signal := 0
		switch {
		case status.Exited() || status.Signaled():
			if tid == pid {
				if status.ExitStatus() != 0 {
					return nil, &exec.Error{Name: path, Err: syscall.Errno(status.ExitStatus())}
				}
				return seen, nil
			}
		case status.Stopped() && status.StopSignal() == syscall.SIGTRAP|0x80:
			var regs syscall.PtraceRegs
			if syscall.PtraceGetRegs(tid, &regs) == nil {
				if name, ok := arch.X86_64.SyscallNumbers[int(regs.Orig_rax)]; ok {
					if name == "prctl" && !slices.Contains(allowedOptions, uint32(regs.Rdi)) {
						name = fmt.Sprintf("prctl of %d", regs.Rdi)
					}
					seen[name] = true
				}
			}
		case status.Stopped() && status.StopSignal() != syscall.SIGTRAP && status.StopSignal() != syscall.SIGSTOP:
			signal = int(status.StopSignal())
		}
		_ = syscall.PtraceSyscall(tid, signal) // a thread may be gone already
		var err error
		if tid, err = syscall.Wait4(-1, &status, syscall.WALL|unix.WNOTHREAD, nil); err != nil {
			return nil, err
		}
	}
}

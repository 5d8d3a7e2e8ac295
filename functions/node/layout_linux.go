package node

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Where things are inside a sandbox.
const (
	sandboxNode   = "/bin/node"
	sandboxRunner = "/runner"
	sandboxRun    = "/run" // the socket of the way out
)

// layout is the file tree of a sandbox: what is mounted where. Everything is read-only.
type layout struct {
	Base  string      // the folder over which the tree is assembled; what lies below it on the host is hidden
	Mount [][2]string // source on the host and place in the sandbox, files and folders
}

// newLayout collects Node.js, the libraries that it and native addons need, and the runner.
func newLayout(nodePath, runner string) (layout, error) {
	l := layout{Mount: [][2]string{{nodePath, sandboxNode}, {runner, sandboxRunner}}}
	libraries, err := librariesOf(nodePath)
	if err != nil {
		return l, err
	}
	for _, lib := range libraries {
		l.Mount = append(l.Mount, [2]string{lib, lib})
	}
	for _, device := range []string{"null", "zero", "full", "random", "urandom"} {
		l.Mount = append(l.Mount, [2]string{"/dev/" + device, "/dev/" + device})
	}
	for _, base := range []string{"/mnt", "/media", "/srv", "/opt", "/var", "/run", "/tmp"} {
		hides := func(m [2]string) bool { return strings.HasPrefix(m[0], base+"/") }
		if info, err := os.Stat(base); err == nil && info.IsDir() && info.Mode().Perm()&0o5 == 0o5 && !slices.ContainsFunc(l.Mount, hides) {
			l.Base = base
			return l, nil
		}
	}
	return l, errors.New("no folder is free to assemble the sandbox over")
}

// ordinaryData is what an idle Node.js has of memory that RLIMIT_DATA counts, and what is part of the allowance beside
// the heap.
const ordinaryData = 64 << 20

var reservations sync.Map // by the path of the binary

// reservedData returns how much more address space the binary reserves for itself when it starts: RLIMIT_DATA counts
// that as if it were used. Node.js 24 reserves 512 MiB for compiled code.
func reservedData(nodePath string) (int64, error) {
	if known, ok := reservations.Load(nodePath); ok {
		return known.(int64), nil
	}
	cmd := exec.Command(nodePath, "--no-warnings", "-p", "/^VmData:\\s+(\\d+) kB$/m.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1]")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", nodePath, err)
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("what %s tells of its memory: %w", nodePath, err)
	}
	reserved := max(0, kib<<10-ordinaryData)
	reservations.Store(nodePath, reserved)
	return reserved, nil
}

// librariesOf asks the dynamic loader what the program needs. A static one needs nothing.
func librariesOf(program string) ([]string, error) {
	file, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", program, err)
	}
	defer file.Close()
	var loader string
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			text := make([]byte, segment.Filesz)
			if _, err := segment.ReadAt(text, 0); err != nil {
				return nil, fmt.Errorf("read %s: %w", program, err)
			}
			loader = string(bytes.TrimRight(text, "\x00"))
		}
	}
	if loader == "" {
		return nil, nil
	}
	out, err := exec.Command(loader, "--list", program).Output()
	if err != nil {
		return nil, fmt.Errorf("list the libraries of %s: %w", program, err)
	}
	libraries := []string{loader}
	add := func(path string) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !slices.Contains(libraries, path) {
			libraries = append(libraries, path)
		}
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		_, right, found := strings.Cut(lines.Text(), "=>")
		if !found {
			continue
		}
		path, _, _ := strings.Cut(strings.TrimSpace(right), " ")
		if !filepath.IsAbs(path) {
			continue
		}
		add(path)
		if strings.HasPrefix(filepath.Base(path), "libc.so") {
			for _, name := range []string{"libresolv.so.2", "librt.so.1", "libdl.so.2", "libutil.so.1", "libpthread.so.0"} {
				add(filepath.Join(filepath.Dir(path), name))
			}
		}
	}
	return libraries, nil
}

// assemble builds the tree at the base. The calling thread must have mounts of its own.
func (l layout) assemble() error {
	if err := unix.Mount("tmpfs", l.Base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=1m,nr_inodes=1k,mode=0755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	for _, folder := range []string{"proc", "tmp", "dev", sandboxFolder, sandboxRun} {
		if err := makeFolder(filepath.Join(l.Base, folder)); err != nil {
			return err
		}
	}
	for _, m := range l.Mount {
		if err := bindReadOnly(m[0], filepath.Join(l.Base, m[1])); err != nil {
			return err
		}
	}
	return nil
}

// bind mounts further folders into the assembled tree; undo takes them out again.
func (l layout) bind(binds map[string]string) (undo func(), err error) {
	var done []string
	undo = func() {
		for _, place := range done {
			unix.Unmount(place, unix.MNT_DETACH)
		}
	}
	for place, source := range binds {
		target := filepath.Join(l.Base, place)
		if err := bindReadOnly(source, target); err != nil {
			return undo, err
		}
		done = append(done, target)
	}
	return undo, nil
}

// makeFolder makes a folder that everybody may enter, whatever the umask is.
func makeFolder(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make the root: %w", err)
	}
	return os.Chmod(path, 0o755)
}

// bindReadOnly mounts a file or folder of the host at target.
func bindReadOnly(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("mount %s: %w", source, err)
	}
	if info.IsDir() {
		err = makeFolder(target)
	} else if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
		err = os.WriteFile(target, nil, 0o755)
		if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) {
			err = nil // it is there, from an earlier mount
		}
	}
	if err != nil {
		return fmt.Errorf("make the place for %s: %w", source, err)
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", source, err)
	}
	flags := uintptr(unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY | unix.MS_NOSUID)
	if info.Mode()&os.ModeDevice == 0 {
		flags |= unix.MS_NODEV
	}
	// What the source forbids cannot be allowed again in a user namespace: ask for it too.
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err == nil {
		flags |= uintptr(fs.Flags) & (unix.MS_NOEXEC | unix.MS_NODEV)
		if info.Mode()&os.ModeDevice != 0 {
			flags &^= unix.MS_NODEV
			flags |= uintptr(fs.Flags) & unix.MS_NODEV
		}
	}
	if err := unix.Mount("", target, "", flags, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", source, err)
	}
	return nil
}

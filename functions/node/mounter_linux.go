package node

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mounter puts folders into running sandboxes, from a thread of its own that visits their mount namespaces.
type mounter struct {
	thread *starter
	home   *os.File
	works  bool
}

func newMounter() *mounter {
	m := &mounter{thread: newStarter()}
	m.works = m.thread.do(func() error {
		// A thread may only change its mounts when it shares its folders with no other.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		var err error
		if m.home, err = os.Open("/proc/thread-self/ns/mnt"); err != nil {
			return err
		}
		tree, err := openTree("/")
		if err != nil {
			return err
		}
		return unix.Close(tree)
	}) == nil
	return m
}

// openTree returns a detached, read-only copy of the folder's mount.
func openTree(folder string) (int, error) {
	tree, err := unix.OpenTree(unix.AT_FDCWD, folder, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("copy the mount of %s: %w", folder, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(tree)
		return -1, fmt.Errorf("make the mount read-only: %w", err)
	}
	return tree, nil
}

// attach mounts the folder in the sandbox of the process.
func (m *mounter) attach(pid int, folder string) error {
	return m.thread.do(func() error {
		tree, err := openTree(folder)
		if err != nil {
			return err
		}
		defer unix.Close(tree)
		target, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
		if err != nil {
			return fmt.Errorf("find the sandbox: %w", err)
		}
		defer target.Close()
		if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter the sandbox: %w", err)
		}
		err = unix.MoveMount(tree, "", unix.AT_FDCWD, sandboxFolder, unix.MOVE_MOUNT_F_EMPTY_PATH)
		if back := unix.Setns(int(m.home.Fd()), unix.CLONE_NEWNS); back != nil {
			m.works = false
			return fmt.Errorf("leave the sandbox: %w", back)
		}
		if err != nil {
			return fmt.Errorf("mount the function's folder: %w", err)
		}
		return nil
	})
}

func (m *mounter) close() {
	m.thread.close()
	if m.home != nil {
		m.home.Close()
	}
}

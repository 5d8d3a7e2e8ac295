//go:build linux

package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
)

// fullDir makes the test binary mount a small file system on a directory, in a namespace of its own, for TestFull.
const fullDir = "YUNDUO_TEST_DISK_FULL"

func TestFull(t *testing.T) {
	if dir := os.Getenv(fullDir); dir != "" {
		testFull(t, dir)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFull$", "-test.v")
	child.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	output, err := child.CombinedOutput()
	if err != nil && child.ProcessState == nil {
		t.Skipf("the kernel gives no namespace to mount a small disk in: %v", err)
	}
	require.NoError(t, err, "%s", output)
	if strings.Contains(string(output), "--- SKIP") {
		t.Skip("the kernel lets nobody mount a small disk in a namespace")
	}
	require.Contains(t, string(output), "--- PASS: TestFull")
}

func testFull(t *testing.T, dir string) {
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip(err)
	}
	require.NoError(t, err)
	b := open(t, dir)
	put(t, b, "kept", "old")
	large := bytes.Repeat([]byte("x"), 8<<20)
	for _, size := range []int64{-1, int64(len(large))} {
		_, err := b.Put(t.Context(), "kept", bytes.NewReader(large), driver.PutOptions{Size: size})
		require.Equal(t, yunduo.ReasonStorageFull, yunduo.ReasonOf(err), "%v", err)
		require.NotContains(t, yunduo.AsError(err).Message, dir)
	}
	// Fill up what is left: also the last small file either is stored whole or not at all.
	stored := 0
	for ; ; stored++ {
		_, err := b.Put(t.Context(), fmt.Sprintf("small/%d", stored), strings.NewReader(strings.Repeat("y", 10_000)), driver.PutOptions{Size: 10_000})
		if err != nil {
			require.Equal(t, yunduo.ReasonStorageFull, yunduo.ReasonOf(err), "%v", err)
			break
		}
	}
	require.Positive(t, stored)
	require.Len(t, keys(t, b, 1000), stored+1)
	again, err := disk.Open(dir)
	require.NoError(t, err, "a full disk can be opened")
	require.NoError(t, again.Delete(t.Context(), "small/0"), "and emptied")
	require.NoError(t, again.Close())
	put(t, b, "small/0", "room again")
}

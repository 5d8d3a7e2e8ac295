package functions_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/functions"
	"yunduo/storage/disk"
)

// crashVariable makes the test binary deploy versions until it is killed. Its value is the folder.
const crashVariable = "FUNCTIONS_TEST_CRASH"

// deployUntilKilled tells every deployment that was acknowledged.
func deployUntilKilled(dir string) error {
	engine, err := embedded.Open(filepath.Join(dir, "documents"), embedded.Options{})
	if err != nil {
		return err
	}
	bucket, err := disk.Open(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	s, err := functions.New(documents.New(engine, documents.Options{}), bucket, still{}, functions.Options{CacheDir: filepath.Join(dir, "cache"), Limits: functions.Limits{KeepVersions: 3}})
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(crashVariable + "_FIRST"))
	if err != nil {
		return err
	}
	for n := first; ; n++ {
		// Reading a file keeps the unpacked folder in play.
		files := source("index.js", "exports.main = async () => Number(require('fs').readFileSync(__dirname + '/n.txt', 'utf8'))", "n.txt", strconv.Itoa(n))
		if _, err := s.Deploy(context.Background(), owner, app, functions.DeployRequest{Name: "f", Source: files, KeepBroken: true}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func TestDeploy_SurvivesKill(t *testing.T) {
	dir := t.TempDir()
	last := 0
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashVariable+"="+dir, fmt.Sprintf("%s_FIRST=%d", crashVariable, last+1))
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its compiler dies with it, as when a machine fails
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 2 + round {
			require.True(t, lines.Scan(), "the deployer ended by itself")
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		for lines.Scan() { // what it acknowledged before it died counts
			last, err = strconv.Atoi(lines.Text())
			require.NoError(t, err)
		}
		require.Error(t, cmd.Wait())

		h := open(t, dir, functions.Options{Limits: functions.Limits{KeepVersions: 3}})
		live, err := strconv.Atoi(h.call(t, "f"))
		require.NoError(t, err)
		require.Contains(t, []int{last, last + 1}, live, "round %d", round)
		versions, err := h.Versions(t.Context(), owner, app, "f")
		require.NoError(t, err)
		for _, v := range versions {
			_, err := h.Source(t.Context(), owner, app, "f", v.Number)
			require.NoError(t, err, "every version has its bundle")
		}
		last = live
		h.close()
	}
}

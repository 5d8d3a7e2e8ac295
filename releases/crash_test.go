package releases_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions/bundle"
)

// crashVariable makes the test binary make releases until it is killed. Its value is the folder.
const crashVariable = "RELEASES_TEST_CRASH"

func TestMain(m *testing.M) {
	bundle.Init()
	if dir := os.Getenv(crashVariable); dir != "" {
		fmt.Fprintln(os.Stderr, releaseUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// releaseUntilKilled tells of every release before it begins and after it was acknowledged.
func releaseUntilKilled(dir string) error {
	h, err := openHouse(dir)
	if err != nil {
		return err
	}
	first, err := strconv.Atoi(os.Getenv(crashVariable + "_FIRST"))
	if err != nil {
		return err
	}
	ctx := context.Background()
	for n := first; ; n++ {
		request, err := h.stage(ctx, n)
		if err != nil {
			return err
		}
		request.Indexes = nil // they are there before the rest, and as many as there are releases
		fmt.Println("begin", n)
		if _, err := h.Create(ctx, owner, app, request); err != nil {
			return err
		}
		fmt.Println("done", n)
	}
}

// Wherever a release is cut off, everything is as before or as after it.
func TestRelease_SurvivesKill(t *testing.T) {
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
		done := 0
		// Killed as soon as a release begins: it is cut off somewhere.
		for want := fmt.Sprint("begin ", last+2+round%3); lines.Scan(); {
			if lines.Text() == want {
				break
			}
		}
		require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
		var begun int
		for lines.Scan() { // what it acknowledged before it died counts
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &begun); err == nil {
				done = begun
			}
		}
		require.Error(t, cmd.Wait())
		done = max(done, last+1+round%3)

		h, err := openHouse(dir)
		require.NoError(t, err)
		list, err := h.List(t.Context(), owner, app)
		require.NoError(t, err)
		live := int(list[0].Number)
		require.Contains(t, []int{done, done + 1}, live, "round %d", round)
		want := state{
			Functions: map[string]int64{"a": list[0].Functions["a"], "b": list[0].Functions["b"]}, Triggers: []string{fmt.Sprintf("a/t%d", live), fmt.Sprintf("b/t%d", live)}, Rules: []string{rulesOf(live), rulesOf(live)},
			Texts: []string{fmt.Sprintf(`{"read":"resource.size == %d"}`, live), fmt.Sprintf(`{"*":{"invoke":"auth.openid != '%d'"}}`, live), fmt.Sprintf(`{"/%d":{"function":"a"}}`, live)},
		}
		require.Equal(t, want, h.state(t), "round %d: all of release %d", round, live)
		require.NoError(t, h.db.FinishSwitches(t.Context()))
		require.Equal(t, want, h.state(t), "and after the rules are in their places")
		source, err := h.functions.Source(t.Context(), owner, app, "a", 0)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("exports.main = () => ", live), string(source[0].Data))
		last = live
		require.NoError(t, h.close())
	}
}

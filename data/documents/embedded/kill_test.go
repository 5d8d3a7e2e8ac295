package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/internal/soak"
)

// writerDir tells the test binary to be the process that is killed.
const writerDir = "YUNDUO_TEST_WRITER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled writes counters for ever and prints each acknowledged one as "id value".
func writeUntilKilled(dir string) error {
	o := options(brokenDisk(os.Getenv(writerFault)))
	o.MemtableBytes = 256 << 10 // flushes and compactions happen, too
	e, err := embedded.Open(dir, o)
	if err != nil {
		return err
	}
	w, err := newWorkload(context.Background(), e)
	if err != nil {
		return err
	}
	failed := make(chan error)
	e.BuildInChunks(2)
	go func() { failed <- rebuild(e, w.ns) }()
	for i := range 4 {
		go func() {
			r := rand.New(rand.NewSource(time.Now().UnixNano() + int64(i)))
			for {
				before := w.acknowledged()
				if err := w.step(context.Background(), r, i); err != nil {
					failed <- err
					return
				}
				os.Stdout.WriteString(news(before, w.acknowledged(), i))
			}
		}()
	}
	return <-failed
}

// rebuild makes and drops indexes for ever, so that one is always being built.
func rebuild(e *embedded.Engine, ns driver.Namespace) error {
	for i := 0; ; i++ {
		index := driver.Index{Name: "built", Fields: []driver.IndexField{{Path: "name"}}, Unique: i%2 == 0}
		if i%3 == 0 {
			index.Fields, index.Unique = []driver.IndexField{{Path: "tags"}}, false
		}
		if err := e.DropIndex(context.Background(), ns, index.Name); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonIndexNotFound {
			return err
		}
		if err := e.CreateIndex(context.Background(), ns, index); err != nil {
			return err
		}
	}
}

// news returns what a worker's step changed.
func news(before, after state, worker int) string {
	var b strings.Builder
	for id, n := range after {
		if n != before[id] && strings.HasPrefix(id, strconv.Itoa(worker)+"-") {
			fmt.Fprintf(&b, "%s %d\n", id, n)
		}
	}
	return b.String()
}

// TestKill kills a writing process again and again and looks at what is left.
func TestKill(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	dir := t.TempDir()
	budget := soak.Start(t, 1)
	r := rand.New(rand.NewSource(budget.Seed))
	known := state{}
	for i := 0; i < rounds || budget.More(); i++ {
		killOnce(t, dir, known, time.Duration(20+r.Intn(60))*time.Millisecond)
		e := openIn(t, dir, options(nil))
		known.verify(t, e)
		require.NoError(t, e.Close())
	}
	require.NotEmpty(t, known)
}

// killOnce runs a writer, kills it some time after its first acknowledged write, and adds what it acknowledged.
func killOnce(t *testing.T, dir string, known state, after time.Duration) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), writerDir+"="+dir)
	child.Stderr = os.Stderr
	known.follow(t, child, func() {
		time.AfterFunc(after, func() { _ = child.Process.Kill() }) // it may have ended by itself: Wait tells
	})
	require.Error(t, child.Wait(), "killed")
	require.Equal(t, -1, child.ProcessState.ExitCode())
}

// follow starts a writer and adds what it acknowledges until it ends. It calls begun at the first acknowledged write.
func (s state) follow(t *testing.T, child *exec.Cmd, begun func()) {
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		if first {
			begun()
		}
		id, n, _ := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			break // the last line was cut
		}
		s[id] = max(s[id], value)
	}
}

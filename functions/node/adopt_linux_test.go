package node

import (
	"os"
	"os/exec"
	"testing"
)

// The end of a process is known although somebody else could still print in its name.
func TestAdopt_EndsWithTheProcess(t *testing.T) {
	printed, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close() // stays open
	cmd := exec.Command("sh", "-c", "echo last words >&2; exit 3")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{stderr: &tail{}}
	if err := c.adopt(cmd.Process.Pid, printed); err != nil {
		t.Fatal(err)
	}
	if err := c.wait(); err == nil || c.state.ExitCode() != 3 || c.stderr.String() != "last words\n" {
		t.Errorf("%v, %q", err, c.stderr)
	}
}

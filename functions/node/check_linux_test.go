package node_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"yunduo"
	"yunduo/functions/node"
)

// A process that somebody else has ended says nothing about the code that it checked; the end of a second one is told.
func TestCheck_EndedFromOutside(t *testing.T) {
	r := newRuntime(t, node.Options{Sandbox: node.SandboxOff})
	t.Cleanup(func() { r.Close(context.Background()) })
	// It loads once as many processes have told who they are, and waited for their end.
	const code = `const fs = require('fs')
for (let n = 0; n < %d; n++) {
  const file = %q + n
  if (fs.existsSync(file)) continue
  fs.writeFileSync(file + '.part', String(process.pid))
  fs.renameSync(file + '.part', file)
  for (;;);
}
exports.main = () => 1`
	for _, kills := range []int{1, 2} {
		file := filepath.Join(t.TempDir(), "process")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range kills {
				assert.Eventually(t, func() bool {
					text, err := os.ReadFile(file + strconv.Itoa(n))
					if err != nil {
						return false
					}
					pid, err := strconv.Atoi(string(text))
					return err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil
				}, time.Minute, 10*time.Millisecond)
			}
		}()
		report, err := r.Check(t.Context(), script("f", fmt.Sprintf(code, kills, file)))
		<-done
		switch {
		case kills == 1 && (err != nil || len(report.Exports) != 1):
			t.Errorf("ended once: %+v, %v", report, err)
		case kills == 2 && yunduo.ReasonOf(err) != yunduo.ReasonFunctionLoadFailed:
			t.Errorf("ended twice: %+v, %v", report, err)
		}
	}
}

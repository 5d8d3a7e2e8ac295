//go:build unix && !linux

package node

import (
	"os/exec"
	"syscall"
)

// setPlainAttributes keeps the host's terminal signals away from the process; it ends itself when its socket closes.
func setPlainAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

package node

import (
	"os/exec"
	"syscall"
)

// setPlainAttributes ties the process to the host's life.
func setPlainAttributes(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

package node

// KillSpawner ends the process that forks sandboxes, and returns false if there is none.
func KillSpawner(r *Runtime) bool {
	s := r.launcher.spawner
	if s == nil {
		return false
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	return true
}

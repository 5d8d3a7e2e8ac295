package node

// KillSpawner ends the process that forks sandboxes, and returns false if there is none.
func KillSpawner(r *Runtime) (killed bool) {
	_ = r.launcher.starter.do(func() error { // no sandbox is started meanwhile
		s := r.launcher.spawner
		if killed = s != nil; !killed {
			return nil
		}
		_ = s.cmd.Process.Kill()
		return s.cmd.Wait()
	})
	return killed
}

//go:build !linux

package node

// cgroups do not exist on this system.
type cgroups struct{}

// cgroup is never made on this system.
type cgroup struct{}

func (*cgroup) belong(string) error { return nil }
func (*cgroup) outOfMemory() bool   { return false }
func (*cgroup) remove()             {}
func (*cgroup) yielding() bool      { return false }

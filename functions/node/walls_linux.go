package node

import (
	"os"
	"strings"
)

// walls reports what this machine gives, beside Node.js itself.
func (l *launcher) walls(seen probe) []Wall {
	inside := seen.RootClosed && seen.HostHidden && strings.Trim(seen.Capabilities, "0") == ""
	own := Wall{Name: WallNamespaces, Essential: true, Given: l.sandboxed() && inside}
	calls := Wall{Name: WallCalls, Essential: true, Given: l.sandboxed() && (seen.Seccomp == "2" && seen.NoNewPrivileges == "1" || seen.Seccomp == "" && inside)}
	network := Wall{Name: WallNetwork, Essential: true, Given: l.sandboxed() && seen.SocketClosed}
	for _, w := range []*Wall{&own, &calls, &network} {
		if w.Given {
			continue
		}
		if w.Detail = l.why; w.Detail == "" {
			w.Detail = "the function sees more than it should"
		}
		w.Remedy = l.remedy()
	}
	user := Wall{Name: WallUser, Given: l.sandboxed() && l.root}
	if !user.Given {
		user.Detail, user.Remedy = "all functions run as the server's user", RemedyRoot
		if os.Geteuid() == 0 {
			user.Remedy = l.remedy()
		}
	}
	all := []Wall{own, calls, network, user}
	for _, c := range []struct {
		name       WallName
		controller string
	}{{WallMemory, controllerMemory}, {WallTasks, controllerTasks}, {WallCPU, controllerCPU}} {
		w := Wall{Name: c.name, Given: l.groups.base[c.controller] != "", Detail: l.groups.missing[c.controller]}
		if !w.Given {
			w.Remedy = RemedyDelegate
		}
		all = append(all, w)
	}
	flood := Wall{Name: WallFlood, Given: l.groups.next != nil}
	switch {
	case flood.Given:
	case l.groups.base[controllerCPU] == "":
		flood.Detail, flood.Remedy = l.groups.missing[controllerCPU], RemedyDelegate
	default:
		flood.Detail, flood.Remedy = "the kernel has no cpu.idle", RemedyKernel
	}
	return append(all, flood)
}

// remedy guesses why the kernel refuses namespaces.
func (l *launcher) remedy() Remedy {
	if l.opts.Sandbox == SandboxOff {
		return RemedySwitchedOn
	}
	value := func(name string) string {
		text, _ := os.ReadFile("/proc/sys/" + name)
		return strings.TrimSpace(string(text))
	}
	switch {
	case value("user/max_user_namespaces") == "0":
		return RemedyUserLimit
	case value("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		return RemedyUserClone
	case value("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0:
		return RemedyAppArmor
	}
	return RemedyContainer
}

package node

import (
	"context"
	"encoding/json"
	"fmt"

	"yunduo/functions/runtime"
)

// Wall is one of the things that keep functions apart from the host and from each other.
type Wall struct {
	Name WallName `json:"name"`
	// Given says that this machine gives it.
	Given bool `json:"given"`
	// Essential ones are needed to run strangers' code at all.
	Essential bool `json:"essential"`
	// Detail tells what is there, or why it is not.
	Detail string `json:"detail,omitempty"`
	// Remedy says what to change on the machine; empty if nothing is known.
	Remedy Remedy `json:"remedy,omitempty"`
}

// WallName names a wall.
type WallName string

// The walls.
const (
	WallNode       WallName = "node"       // a Node.js that functions can run in
	WallNamespaces WallName = "namespaces" // processes, users, mounts and host name of their own; a read-only root; no capabilities
	WallCalls      WallName = "calls"      // a list of the system calls that are allowed
	WallNetwork    WallName = "network"    // no network but through the server
	WallUser       WallName = "user"       // a user of the host for each process
	WallMemory     WallName = "memory"     // the kernel's limit for memory of all kinds
	WallTasks      WallName = "tasks"      // the kernel's limit for threads
	WallCPU        WallName = "cpu"        // equal shares of the processors for apps
	WallFlood      WallName = "flood"      // an app that uses more than its share lets others go first
)

// Remedy names something to change on a machine.
type Remedy string

// The remedies.
const (
	RemedyLinux      Remedy = "linux"      // run on Linux
	RemedyKernel     Remedy = "kernel"     // run on Linux 5.15 or later
	RemedyNode       Remedy = "node"       // install Node.js 20 or later
	RemedyUserLimit  Remedy = "userLimit"  // sysctl user.max_user_namespaces
	RemedyUserClone  Remedy = "userClone"  // sysctl kernel.unprivileged_userns_clone
	RemedyAppArmor   Remedy = "appArmor"   // sysctl kernel.apparmor_restrict_unprivileged_userns
	RemedyContainer  Remedy = "container"  // let the container make namespaces
	RemedyDelegate   Remedy = "delegate"   // hand control groups on to the service
	RemedyRoot       Remedy = "root"       // start the server as root; it gives its functions no rights of root
	RemedySwitchedOn Remedy = "switchedOn" // it is switched off by a setting
)

// probeCode is a function that tells what it sees of its walls from inside.
const probeCode = `exports.main = async () => {
  const fs = require('fs'), net = require('net')
  const status = (() => { try { return fs.readFileSync('/proc/self/status', 'utf8') } catch { return '' } })()
  const line = name => (new RegExp('^' + name + ':\\s*(\\S+)', 'm').exec(status) || [])[1] || ''
  const refused = f => { try { f(); return false } catch { return true } }
  return {
    version: process.version,
    capabilities: ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(line).join(''),
    seccomp: line('Seccomp'), noNewPrivileges: line('NoNewPrivs'),
    rootClosed: refused(() => fs.writeFileSync('/yunduo-probe', 'x')),
    hostHidden: !fs.existsSync('/etc/passwd') && !fs.existsSync('/sys/kernel') && process.pid === 1,
    socketClosed: await new Promise(done => net.createServer().on('error', () => done(true)).listen(0, '127.0.0.1', () => done(false)))
  }
}`

// probe is what the function of probeCode answers.
type probe struct {
	Version         string
	Capabilities    string
	Seccomp         string
	NoNewPrivileges string
	RootClosed      bool
	HostHidden      bool
	SocketClosed    bool
}

// Walls runs a function and reports what keeps it apart, as it sees it from inside and as the host has set it up.
func (r *Runtime) Walls(ctx context.Context) []Wall {
	seen, err := r.probe(ctx)
	walls := []Wall{{Name: WallNode, Essential: true, Given: err == nil, Detail: seen.Version}}
	if err != nil {
		walls[0].Detail, walls[0].Remedy = err.Error(), RemedyNode
	}
	return append(walls, r.launcher.walls(seen)...)
}

func (r *Runtime) probe(ctx context.Context) (seen probe, err error) {
	p, err := r.Load(ctx, runtime.Bundle{App: "yunduo", Function: "doctor", Version: "1", Code: []byte(probeCode)})
	if err != nil {
		return seen, err
	}
	defer p.Close(ctx)
	result, err := p.Invoke(ctx, &runtime.Invocation{ID: "doctor"})
	if err != nil {
		return seen, err
	}
	if err := json.Unmarshal(result.JSON, &seen); err != nil {
		return seen, fmt.Errorf("what the probe tells: %w", err)
	}
	var major int
	if _, err := fmt.Sscanf(seen.Version, "v%d.", &major); err != nil || major < oldestNode {
		return seen, fmt.Errorf("Node.js %s is older than %d", seen.Version, oldestNode) //nolint:staticcheck // a name
	}
	return seen, nil
}

const oldestNode = 20

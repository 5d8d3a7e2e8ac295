package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// Inspect lets debuggers look into processes, on the author's own machine. A program then has one process, which is not
// sandboxed, opens Node's inspector on a loopback port of its own, and may stand still for as long as somebody looks at
// it: there is no limit of time, and it goes on when its caller has left.
type Inspect struct {
	// Source returns the folder on this machine with the author's source of a function; empty if it is not known.
	Source func(app yunduo.AppID, function string) string
}

// inspectTime is how long an invocation may take that may be looked at.
const inspectTime = 24 * time.Hour

var _ runtime.Inspectable = (*Program)(nil)

// inspection is where a program's process can be looked at.
type inspection struct {
	proc    *process
	url     string
	changed chan struct{} // closed when an address has come; nil if nobody waits
}

// Inspect implements runtime.Inspectable.
func (p *Program) Inspect(ctx context.Context) (string, error) {
	if p.rt.opts.Inspect == nil {
		return "", yunduo.Errorf(yunduo.ReasonUnsupportedCall, "functions cannot be inspected here: start \"yunduo dev\" with --inspect")
	}
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return "", errClosed
		}
		if p.inspection.url != "" {
			defer p.mu.Unlock()
			return p.inspection.url, nil
		}
		if p.size() == 0 {
			p.startReplica()
		}
		if p.inspection.changed == nil {
			p.inspection.changed = make(chan struct{})
		}
		changed := p.inspection.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return "", yunduo.Errorf(yunduo.ReasonFunctionLoadFailed, "the process of function %s did not open its inspector in time", p.bundle.Function)
		}
	}
}

// inspectable takes the address at which a process can be looked at. It is the process's word, so it is checked to lead
// to this machine.
func (p *Program) inspectable(proc *process, address string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" {
		return
	}
	if at, err := netip.ParseAddrPort(u.Host); err != nil || !at.Addr().IsLoopback() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inspection.proc, p.inspection.url = proc, address
	if p.inspection.changed != nil {
		close(p.inspection.changed)
		p.inspection.changed = nil
	}
}

// uninspected forgets a process that is gone. p.mu is held.
func (p *Program) uninspected(proc *process) {
	if p.inspection.proc == proc {
		p.inspection.proc, p.inspection.url = nil, ""
	}
}

// inspectedLoad makes a debugger show the author's files: a script refers to its source map, in which sources have their
// full addresses; files that are loaded as they are go by the author's.
func (f *loadFrame) inspect(b runtime.Bundle, source string) {
	f.meta.Inspect, f.meta.WantCache = true, false
	if source == "" {
		return
	}
	folder := url.URL{Scheme: "file", Path: filepath.ToSlash(source)}
	if !strings.HasPrefix(folder.Path, "/") { // a drive of Windows
		folder.Path = "/" + folder.Path
	}
	f.meta.Source = folder.String()
	if b.Code == nil {
		return
	}
	var m map[string]any
	if json.Unmarshal(b.SourceMap, &m) != nil {
		return
	}
	m["sourceRoot"] = f.meta.Source + "/"
	text, err := json.Marshal(m)
	if err != nil {
		return
	}
	code := append([]byte(nil), b.Code...)
	code = append(code, "\n//# sourceMappingURL=data:application/json;base64,"...)
	f.code = append(code, base64.StdEncoding.EncodeToString(text)...)
}

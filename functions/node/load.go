package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"yunduo"
	"yunduo/functions/runtime"
)

// sandboxFolder is where a sandboxed function finds its files.
const sandboxFolder = "/app"

// loadMeta is the first part of a load frame.
type loadMeta struct {
	App       string            `json:"app"`
	Function  string            `json:"function"`
	Version   string            `json:"version"`
	Handler   string            `json:"handler"`
	Entry     string            `json:"entry"`
	Folder    string            `json:"folder"`
	Env       map[string]string `json:"env"`
	TimeoutMs int64             `json:"timeoutMs"`
	MemoryMB  int64             `json:"memoryMB"`
	WantCache bool              `json:"wantCache"`
	Check     bool              `json:"check"`
	Official  bool              `json:"official"`
	Serves    bool              `json:"serves"`
	Inspect   bool              `json:"inspect,omitempty"`
	Source    string            `json:"source,omitempty"` // address of the folder with the author's source, for debuggers
}

// loadFrame is what specialises a blank process.
type loadFrame struct {
	meta  loadMeta
	code  []byte
	flags uint8
}

func newLoadFrame(r *Runtime, b runtime.Bundle) loadFrame {
	f := loadFrame{code: b.Code, meta: loadMeta{
		App: string(b.App), Function: b.Function, Version: b.Version, Handler: b.Handler, Entry: path.Clean(filepath.ToSlash(b.Entry)),
		Env: b.Env, Official: b.Official, Serves: b.Serves, TimeoutMs: b.Limits.Timeout.Milliseconds(), MemoryMB: b.Limits.HeapBytes >> 20,
	}}
	if b.Code != nil {
		f.meta.Entry = "index.js"
		f.flags = flagHasCode
		if ascii(b.Code) {
			f.flags |= flagLatin1
		}
		// Below this, compiling is faster than moving the compiled form.
		f.meta.WantCache = len(b.Code) > 16<<10
	}
	switch {
	case r.launcher.sandboxed():
		f.meta.Folder = sandboxFolder
	case b.Folder != "":
		f.meta.Folder = b.Folder
	default:
		f.meta.Folder = r.emptyFolder()
	}
	if inspect := r.opts.Inspect; inspect != nil {
		f.inspect(b, inspect.Source(b.App, b.Function))
	}
	return f
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// send writes the frame, with the compiled form of the code where there is one, and the source map after it.
func (f loadFrame) send(p *process, cache, sourceMap []byte) error {
	meta, err := json.Marshal(f.meta)
	if err != nil {
		return fmt.Errorf("load frame: %w", err)
	}
	var metaSize, codeSize [4]byte
	binary.LittleEndian.PutUint32(metaSize[:], uint32(len(meta)))
	binary.LittleEndian.PutUint32(codeSize[:], uint32(len(f.code)))
	p.out.send(frameLoad, f.flags, 0, 0, metaSize[:], meta, codeSize[:], f.code, cache)
	if len(sourceMap) > 0 {
		p.out.send(frameMap, 0, 0, 0, sourceMap)
	}
	return nil
}

// loadsQuietly is how long a process that somebody had to wait for stays among those that start, which stand back: long
// enough to load most code. There is a burst of first calls then, and one moment more is felt by nobody.
const loadsQuietly = 40 * time.Millisecond

// specialise takes a blank process and gives it the program's code. For a check, replies receives the outcome.
func (p *Program) specialise(ctx context.Context, replies chan loadReply) (*process, error) {
	spec := bootSpec{heapBytes: p.bundle.Limits.HeapBytes}
	later := false
	if p.bundle.Folder != "" && p.rt.launcher.sandboxed() {
		if later = p.rt.launcher.canAttach(); !later {
			spec.folder = p.bundle.Folder
		}
	}
	kind := anyBlank
	switch {
	case replies != nil:
		kind = plainBlank // in which it shows what the code loads
	case p.bundle.Fetches:
		kind = fetchingBlank
	}
	proc, err := p.rt.pool.take(ctx, p.bundle.App, spec, kind)
	if err != nil {
		return nil, err
	}
	o := &owner{
		name:  string(p.bundle.App) + "/" + p.bundle.Function,
		grace: p.bundle.Limits.Grace, loaded: replies,
		freed: func(r *run) { p.freed(r) },
		sign:  p.dispatch, leaves: p.leaving, hogged: p.separate,
		cache: func(data []byte) { p.offered(data, replies != nil) },
		ended: p.ended, looked: func(address string) { p.inspectable(proc, address) },
	}
	if replies != nil {
		o.freed, o.sign, o.ended, o.leaves, o.hogged = func(*run) {}, func() {}, func(*process) {}, func(*process) {}, func() {}
	}
	proc.start, _ = processTime(proc.child.process)
	proc.owner.Store(o)
	if p.bundle.Official && proc.child.inside != nil {
		proc.child.inside()
	}
	if proc.child.belong != nil {
		proc.child.belong(p.bundle.App)
	}
	if group := proc.child.group; group != nil {
		p.rt.background.Go(func() { // a move takes a millisecond, for which nobody need wait
			if proc.awaited {
				select {
				case <-time.After(loadsQuietly):
				case <-proc.gone:
				}
			}
			if err := group.belong(string(p.bundle.App)); err != nil {
				// It stays among those that stand back for everybody.
				p.rt.log.Warn("the process is not in its app's control group; it is slow while others are busy", "function", o.name, "error", err)
			}
		})
	}
	if later {
		err = p.rt.launcher.attach(proc.child, p.bundle.Folder)
	}
	if err == nil {
		frame := p.load
		frame.meta.Check = replies != nil
		err = frame.send(proc, p.compiled(), p.bundle.SourceMap)
	}
	if err != nil {
		proc.kill(errRetired)
		return nil, yunduo.Wrap(err, yunduo.ReasonInternal, "the server could not prepare a process for the function")
	}
	return proc, nil
}

func parseReport(raw json.RawMessage) (runtime.CheckReport, error) {
	var report struct {
		Exports      []string
		Warnings     []string
		Server       bool
		Fetches      bool
		Milliseconds float64
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return runtime.CheckReport{}, yunduo.Wrap(err, yunduo.ReasonFunctionLoadFailed, "the function's process reported nonsense")
	}
	return runtime.CheckReport{Exports: report.Exports, Warnings: report.Warnings, Server: report.Server, Fetches: report.Fetches, Duration: time.Duration(report.Milliseconds * float64(time.Millisecond))}, nil
}

package node

import (
	"bufio"
	"net"
	"os"
	"path/filepath"
	"time"

	"yunduo/functions/runtime"
)

// Portable makes processes connect the way they do on systems that cannot hand over an open socket.
func Portable(o Options) Options {
	o.portable = true
	return o
}

// Rootless makes the runtime do without what only root may do.
func Rootless(o Options) Options {
	o.rootless = true
	return o
}

// PatientTraces makes the runtime wait for as long as it takes until a process tells where it is: test machines are busy.
func PatientTraces(o Options) Options {
	o.tracePatience = 15 * time.Second
	return o
}

// WithResolver makes the runtime ask the resolver for the names of function code.
func WithResolver(o Options, r *net.Resolver) Options {
	o.resolver = r
	return o
}

// WithMemory makes the runtime believe that the machine has so much memory.
func WithMemory(o Options, bytes func() (available, total int64)) Options {
	o.headroom = func() headroom {
		available, total := bytes()
		return headroom{available: available, total: total, ok: true}
	}
	return o
}

// Relieve ends what a runtime would end at a time for want of memory.
func Relieve(r *Runtime, at time.Time) { r.relieve(at) }

// ReadFrame reads one frame as a process might send it, and decodes calls.
func ReadFrame(in *bufio.Reader) error {
	h, err := readHeader(in)
	if err != nil {
		return err
	}
	payload, err := readPayload(in, h)
	if err != nil {
		return err
	}
	if h.kind == frameCall {
		_, err = parseCall(payload)
	}
	return err
}

// AppendFrame makes a frame.
func AppendFrame(dst []byte, kind uint8, id uint32, payload []byte) []byte {
	return append(appendHeader(dst, frameType(kind), 0, 0, id, len(payload)), payload...)
}

// Compiled returns the compiled form that the next process of a program is given, nil if there is none.
func Compiled(p runtime.Program) []byte { return p.(*Program).compiled() }

// FormFile is where the compiled form of a program's code lies once there is one.
func FormFile(p runtime.Program) string {
	own := p.(*Program)
	return filepath.Join(own.rt.forms.dir, own.form)
}

// KeepForms stores forms of a size in a folder that may hold a number of bytes, oldest first, and tells which are left.
func KeepForms(dir, nodePath string, budget int64, names []string, size int) (left []string, err error) {
	f, err := newForms(dir, nodePath)
	if err != nil {
		return nil, err
	}
	f.budget = budget
	for i, name := range names {
		if err := f.put(name, make([]byte, size)); err != nil {
			return nil, err
		}
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(f.dir, name), at, at); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if f.get(name) != nil {
			left = append(left, name)
		}
	}
	return left, nil
}

// Kept returns how many invocations the processes of a program keep because of their tokens.
func Kept(program runtime.Program) (kept int) {
	p := program.(*Program)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rep := range p.replicas {
		rep.proc.mu.Lock()
		kept += len(rep.proc.offers)
		rep.proc.mu.Unlock()
	}
	return kept
}

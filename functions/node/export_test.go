package node

import (
	"bufio"
	"net"
	"time"
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

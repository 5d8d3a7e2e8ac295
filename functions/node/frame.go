package node

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// frameType is the second field of a frame header.
type frameType uint8

// The frames. Host to process: load, map, invoke, reply, stop, ping, prepare. The others go the other way.
const (
	frameHello   frameType = 1
	frameLoad    frameType = 2
	frameMap     frameType = 3
	frameInvoke  frameType = 4
	frameReply   frameType = 5
	frameStop    frameType = 6
	framePing    frameType = 7
	framePong    frameType = 8
	frameDropped frameType = 9
	frameResult  frameType = 10
	frameError   frameType = 11
	frameDone    frameType = 12
	frameCall    frameType = 13
	frameLog     frameType = 14
	frameCache   frameType = 15
	frameLoaded  frameType = 16
	frameInspect frameType = 21
	framePrepare frameType = 22
	// Both ways, for invocations that are streams.
	frameData   frameType = 17
	frameEnd    frameType = 18
	frameWindow frameType = 19
	frameHangUp frameType = 20
)

// Flags, by frame type.
const (
	flagLatin1  = 1 // load: the code has one byte per character
	flagHasCode = 2 // load: the program is a bundle, not a folder
	flagClaim   = 1 // invoke: take a token before user code runs, or drop the invocation
	flagStream  = 2 // invoke: it is a stream, and what follows the meta data are its first bytes
	flagFailed  = 1 // reply: the call failed
	flagLinger  = 1 // result, error: started calls are still running
	flagFatal   = 2 // error: the process must be replaced
	flagRunner  = 1 // cache: it is of the runner, and not of the function
	flagFields  = 4 // log: the line has fields; the bits below are its level
)

const (
	headerSize      = 12
	maxResult       = 6 << 20
	maxAttachment   = 4 << 20
	maxCallRequest  = 8 << 20
	maxCode         = 64 << 20
	maxCodeCache    = 16 << 20
	maxErrorPayload = 512 << 10
)

// frameHeader is little endian on the wire: u32 payload length, u8 type, u8 flags, u16 slot, u32 id.
type frameHeader struct {
	length uint32
	kind   frameType
	flags  uint8
	slot   uint16
	id     uint32
}

// limitOf returns the largest payload that a process may send in a frame of the kind; ok is false for kinds that it
// may not send at all. A process runs strangers' code: nothing of what it sends is believed.
func limitOf(kind frameType) (limit uint32, ok bool) {
	switch kind {
	case frameHello, frameInspect:
		return 4 << 10, true
	case framePong, frameDropped, frameDone, frameEnd:
		return 0, true
	case frameWindow:
		return 4, true
	case frameData:
		return streamPiece, true
	case frameResult:
		return maxResult, true
	case frameError:
		return maxErrorPayload, true
	case frameCall:
		return maxCallRequest + maxAttachment + 1<<10, true
	case frameLog:
		return 128<<10 + 64, true
	case frameCache:
		return maxCodeCache, true
	case frameLoaded:
		return 64 << 10, true
	}
	return 0, false
}

// readHeader reads the next header and checks it against the limits.
func readHeader(r *bufio.Reader) (frameHeader, error) {
	raw, err := r.Peek(headerSize)
	if err != nil {
		if len(raw) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return frameHeader{}, err
	}
	h := frameHeader{
		length: binary.LittleEndian.Uint32(raw),
		kind:   frameType(raw[4]),
		flags:  raw[5],
		slot:   binary.LittleEndian.Uint16(raw[6:]),
		id:     binary.LittleEndian.Uint32(raw[8:]),
	}
	r.Discard(headerSize)
	limit, ok := limitOf(h.kind)
	if !ok {
		return h, fmt.Errorf("frame of unknown type %d", h.kind)
	}
	if h.length > limit {
		return h, fmt.Errorf("frame of type %d has %d bytes; the limit is %d", h.kind, h.length, limit)
	}
	return h, nil
}

// readPayload reads the payload that follows a header.
func readPayload(r *bufio.Reader, h frameHeader) ([]byte, error) {
	if h.length == 0 {
		return nil, nil
	}
	payload := make([]byte, h.length)
	_, err := io.ReadFull(r, payload)
	return payload, err
}

// appendHeader appends the header of a frame whose payload has length bytes.
func appendHeader(dst []byte, kind frameType, flags uint8, slot uint16, id uint32, length int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	dst = append(dst, byte(kind), flags)
	dst = binary.LittleEndian.AppendUint16(dst, slot)
	return binary.LittleEndian.AppendUint32(dst, id)
}

// call is a decoded call frame: u32 invocation, u16 length, operation, u32 length, JSON, attachment.
type call struct {
	invocation uint32
	operation  string
	request    []byte
	attachment []byte
}

func parseCall(payload []byte) (call, error) {
	var c call
	if len(payload) < 10 {
		return c, fmt.Errorf("call frame of %d bytes", len(payload))
	}
	c.invocation = binary.LittleEndian.Uint32(payload)
	n := int(binary.LittleEndian.Uint16(payload[4:]))
	rest := payload[6:]
	if n > 128 || len(rest) < n+4 {
		return c, fmt.Errorf("call frame with an operation of %d bytes", n)
	}
	c.operation = string(rest[:n])
	size := binary.LittleEndian.Uint32(rest[n:])
	rest = rest[n+4:]
	if size > maxCallRequest || uint64(size) > uint64(len(rest)) {
		return c, fmt.Errorf("call frame with a request of %d bytes", size)
	}
	c.request = rest[:size:size]
	if len(rest) > int(size) {
		c.attachment = rest[size:]
	}
	if len(c.attachment) > maxAttachment {
		return c, fmt.Errorf("call frame with an attachment of %d bytes", len(c.attachment))
	}
	return c, nil
}

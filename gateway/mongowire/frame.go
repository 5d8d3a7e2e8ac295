package mongowire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Kinds of messages.
const (
	opReply   = 1
	opQuery   = 2004
	opMessage = 2013
)

// Flags of an OP_MSG. The lower 16 bits must be understood, the others may be ignored.
const (
	flagChecksum   = 1 << 0
	flagMoreToCome = 1 << 1
	requiredFlags  = 0xffff
)

const (
	headerBytes = 16
	// maxMessage is what the protocol lets a message have.
	maxMessage = 48_000_000
	// maxBeforeLogin is what a connection may send before it has proven who it is.
	maxBeforeLogin = 64 << 10
	// maxSequences is how many document sequences a message may have.
	maxSequences = 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFrame is the end of a connection: what follows cannot be told apart any more.
var errFrame = errors.New("malformed message")

// message is a request as it was framed.
type message struct {
	id        int32
	legacy    bool // OP_QUERY, which old drivers begin with
	noReply   bool
	database  string // of a legacy message
	body      bson.Raw
	sequences map[string][]bson.Raw
}

// readMessage reads one message of at most limit bytes.
func readMessage(r io.Reader, limit int) (*message, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := int(int32(binary.LittleEndian.Uint32(header[:])))
	if length < headerBytes || length > limit {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", errFrame, length, limit)
	}
	// The length is a stranger's word: memory grows with what really comes.
	var whole bytes.Buffer
	whole.Grow(min(length, 64<<10))
	whole.Write(header[:])
	if _, err := io.CopyN(&whole, r, int64(length-headerBytes)); err != nil {
		return nil, err
	}
	return parseMessage(whole.Bytes())
}

// parseMessage takes a whole message apart. The result shares its memory.
func parseMessage(data []byte) (*message, error) {
	if len(data) < headerBytes {
		return nil, fmt.Errorf("%w: shorter than its header", errFrame)
	}
	m := &message{id: int32(binary.LittleEndian.Uint32(data[4:]))}
	switch code := binary.LittleEndian.Uint32(data[12:]); code {
	case opMessage:
		return m, m.parseMessage(data)
	case opQuery:
		return m, m.parseQuery(data[headerBytes:])
	default:
		return nil, fmt.Errorf("%w: operation code %d is not supported", errFrame, code)
	}
}

// parseMessage reads an OP_MSG: one document and any number of named sequences of documents.
func (m *message) parseMessage(data []byte) error {
	rest := data[headerBytes:]
	if len(rest) < 4 {
		return fmt.Errorf("%w: no flags", errFrame)
	}
	flags := binary.LittleEndian.Uint32(rest)
	rest = rest[4:]
	if flags&requiredFlags&^(flagChecksum|flagMoreToCome) != 0 {
		return fmt.Errorf("%w: unknown flags %#x", errFrame, flags)
	}
	m.noReply = flags&flagMoreToCome != 0
	if flags&flagChecksum != 0 {
		if len(rest) < 4 {
			return fmt.Errorf("%w: no checksum", errFrame)
		}
		end := len(data) - 4
		if crc32.Checksum(data[:end], castagnoli) != binary.LittleEndian.Uint32(data[end:]) {
			return fmt.Errorf("%w: wrong checksum", errFrame)
		}
		rest = rest[:len(rest)-4]
	}
	for len(rest) > 0 {
		kind := rest[0]
		rest = rest[1:]
		var err error
		switch kind {
		case 0:
			if m.body != nil {
				return fmt.Errorf("%w: two bodies", errFrame)
			}
			m.body, rest, err = takeDocument(rest)
		case 1:
			rest, err = m.takeSequence(rest)
		default:
			err = fmt.Errorf("%w: section of kind %d", errFrame, kind)
		}
		if err != nil {
			return err
		}
	}
	if m.body == nil {
		return fmt.Errorf("%w: no body", errFrame)
	}
	return nil
}

// takeSequence reads a section of kind 1: its size, its name and documents.
func (m *message) takeSequence(data []byte) ([]byte, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("%w: truncated sequence", errFrame)
	}
	size := int(int32(binary.LittleEndian.Uint32(data)))
	if size < 5 || size > len(data) {
		return nil, fmt.Errorf("%w: a sequence of %d bytes", errFrame, size)
	}
	section, rest := data[4:size], data[size:]
	name, section, ok := bytes.Cut(section, []byte{0})
	if !ok || len(m.sequences) == maxSequences || m.sequences[string(name)] != nil {
		return nil, fmt.Errorf("%w: the name of a sequence", errFrame)
	}
	documents := []bson.Raw{}
	for len(section) > 0 {
		doc, after, err := takeDocument(section)
		if err != nil {
			return nil, err
		}
		documents, section = append(documents, doc), after
	}
	if m.sequences == nil {
		m.sequences = map[string][]bson.Raw{}
	}
	m.sequences[string(name)] = documents
	return rest, nil
}

// takeDocument splits off a document that is well-formed to its depth.
func takeDocument(data []byte) (bson.Raw, []byte, error) {
	if len(data) < 5 {
		return nil, nil, fmt.Errorf("%w: truncated document", errFrame)
	}
	size := int(int32(binary.LittleEndian.Uint32(data)))
	if size < 5 || size > len(data) {
		return nil, nil, fmt.Errorf("%w: a document of %d bytes", errFrame, size)
	}
	doc := bson.Raw(data[:size:size])
	if err := doc.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return doc, data[size:], nil
}

// parseQuery reads an OP_QUERY, which is supported for the first greeting of a connection only.
func (m *message) parseQuery(rest []byte) error {
	m.legacy = true
	if len(rest) < 4 {
		return fmt.Errorf("%w: no flags", errFrame)
	}
	name, rest, ok := bytes.Cut(rest[4:], []byte{0})
	database, isCommand := bytes.CutSuffix(name, []byte(".$cmd"))
	if !ok || !isCommand || len(rest) < 8 {
		return fmt.Errorf("%w: old queries are supported for greetings only", errFrame)
	}
	m.database = string(database)
	var err error
	m.body, _, err = takeDocument(rest[8:])
	return err
}

// appendReply frames a document as the answer to m.
func (m *message) appendReply(dst []byte, id int32, doc []byte) []byte {
	code := uint32(opMessage)
	if m.legacy {
		code = opReply
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(id))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.id))
	dst = binary.LittleEndian.AppendUint32(dst, code)
	if m.legacy {
		dst = binary.LittleEndian.AppendUint32(dst, 8) // flags: can await data
		dst = binary.LittleEndian.AppendUint64(dst, 0) // no cursor
		dst = binary.LittleEndian.AppendUint32(dst, 0) // from the first document
		dst = binary.LittleEndian.AppendUint32(dst, 1) // one document
	} else {
		dst = append(dst, 0, 0, 0, 0, 0) // no flags, a body
	}
	dst = append(dst, doc...)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

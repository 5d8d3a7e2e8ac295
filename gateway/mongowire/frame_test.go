package mongowire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func document(t testing.TB, v any) []byte {
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return raw
}

// frame makes a message of an operation code and its content.
func frame(code uint32, content ...[]byte) []byte {
	all := bytes.Join(content, nil)
	m := binary.LittleEndian.AppendUint32(nil, uint32(headerBytes+len(all)))
	m = binary.LittleEndian.AppendUint32(m, 7)
	m = binary.LittleEndian.AppendUint32(m, 0)
	m = binary.LittleEndian.AppendUint32(m, code)
	return append(m, all...)
}

func flags(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func sequence(name string, docs ...[]byte) []byte {
	all := append([]byte(name+"\x00"), bytes.Join(docs, nil)...)
	return append(append([]byte{1}, flags(uint32(4+len(all)))...), all...)
}

func withChecksum(m []byte) []byte {
	binary.LittleEndian.PutUint32(m, uint32(len(m)+4))
	return binary.LittleEndian.AppendUint32(m, crc32.Checksum(m, castagnoli))
}

func TestMessage(t *testing.T) {
	body, one, two := document(t, bson.M{"insert": "x"}), document(t, bson.M{"a": 1}), document(t, bson.M{"a": 2})
	m, err := readMessage(bytes.NewReader(frame(opMessage, flags(flagMoreToCome), []byte{0}, body, sequence("documents", one, two), sequence("empty"))), maxMessage)
	require.NoError(t, err)
	require.EqualValues(t, 7, m.id)
	require.True(t, m.noReply)
	require.EqualValues(t, body, m.body)
	require.Equal(t, []bson.Raw{one, two}, m.sequences["documents"])
	require.Empty(t, m.sequences["empty"])
	m, err = readMessage(bytes.NewReader(withChecksum(frame(opMessage, flags(flagChecksum), []byte{0}, body))), maxMessage)
	require.NoError(t, err)
	require.EqualValues(t, body, m.body)
	m, err = readMessage(bytes.NewReader(frame(opQuery, flags(0), []byte("admin.$cmd\x00"), flags(0), flags(1), body)), maxMessage)
	require.NoError(t, err)
	require.True(t, m.legacy)
	require.Equal(t, "admin", m.database)
	require.EqualValues(t, body, m.body)
}

func TestMessage_Malformed(t *testing.T) {
	body := document(t, bson.M{"ping": 1})
	broken := bytes.Clone(body)
	broken[len(broken)-1] = 1
	wrong := withChecksum(frame(opMessage, flags(flagChecksum), []byte{0}, body))
	wrong[len(wrong)-1] ^= 1
	large := frame(opMessage, flags(0), []byte{0}, body)
	binary.LittleEndian.PutUint32(large, 100)
	for name, m := range map[string][]byte{
		"unknown operation": frame(2012, flags(0)),
		"no flags":          frame(opMessage),
		"unknown flag":      frame(opMessage, flags(1<<5), []byte{0}, body),
		"no body":           frame(opMessage, flags(0)),
		"two bodies":        frame(opMessage, flags(0), []byte{0}, body, []byte{0}, body),
		"unknown section":   frame(opMessage, flags(0), []byte{2}, body),
		"truncated body":    frame(opMessage, flags(0), []byte{0}, body[:5]),
		"broken body":       frame(opMessage, flags(0), []byte{0}, broken),
		"same sequences":    frame(opMessage, flags(0), []byte{0}, body, sequence("a"), sequence("a")),
		"nameless":          frame(opMessage, flags(0), []byte{0}, body, []byte{1, 6, 0, 0, 0, 'a', 'b'}),
		"short sequence":    frame(opMessage, flags(0), []byte{0}, body, []byte{1, 3, 0, 0, 0}),
		"long sequence":     frame(opMessage, flags(0), []byte{0}, body, []byte{1, 99, 0, 0, 0, 'a', 0}),
		"no checksum":       frame(opMessage, flags(flagChecksum)),
		"wrong checksum":    wrong,
		"a real old query":  frame(opQuery, flags(0), []byte("shop.things\x00"), flags(0), flags(1), body),
		"too large":         frame(opMessage, flags(0), make([]byte, 200)),
		"less than it says": large,
		"short header":      {1, 2, 3},
		"negative":          {255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		_, err := readMessage(bytes.NewReader(m), 150)
		require.Error(t, err, name)
	}
}

// Nothing that strangers send makes the parser fall over, and what it accepts is whole.
func FuzzMessage(f *testing.F) {
	body := document(f, bson.D{{Key: "find", Value: "x"}, {Key: "$db", Value: "shop"}})
	f.Add(frame(opMessage, flags(0), []byte{0}, body))
	f.Add(frame(opMessage, flags(flagMoreToCome), sequence("documents", body, body), []byte{0}, body))
	f.Add(withChecksum(frame(opMessage, flags(flagChecksum), []byte{0}, body)))
	f.Add(frame(opQuery, flags(0), []byte("admin.$cmd\x00"), flags(0), flags(1), body))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMessage(bytes.NewReader(data), 1<<20)
		if err != nil {
			return
		}
		require.NoError(t, m.body.Validate())
		for _, docs := range m.sequences {
			for _, doc := range docs {
				require.NoError(t, doc.Validate())
			}
		}
		reply := m.appendReply(nil, 1, body)
		require.EqualValues(t, len(reply), binary.LittleEndian.Uint32(reply))
		require.EqualValues(t, m.id, binary.LittleEndian.Uint32(reply[8:]))
	})
}

package mongowire_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/gateway/mongowire"
)

// send writes a command to a socket and reads the reply.
func send(t *testing.T, socket net.Conn, command bson.D) (bson.M, error) {
	t.Helper()
	doc, err := bson.Marshal(append(command, bson.E{Key: "$db", Value: "admin"}))
	require.NoError(t, err)
	m := binary.LittleEndian.AppendUint32(nil, uint32(16+5+len(doc)))
	m = append(m, 1, 0, 0, 0, 0, 0, 0, 0)
	m = binary.LittleEndian.AppendUint32(m, 2013)
	m = append(append(m, 0, 0, 0, 0, 0), doc...)
	if _, err := socket.Write(m); err != nil {
		return nil, err
	}
	header := make([]byte, 21)
	if _, err := io.ReadFull(socket, header); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint32(header)-21)
	if _, err := io.ReadFull(socket, body); err != nil {
		return nil, err
	}
	var reply bson.M
	return reply, bson.Unmarshal(body, &reply)
}

func dial(t *testing.T, p *place) net.Conn {
	t.Helper()
	socket, err := net.Dial("tcp", p.address)
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close() })
	return socket
}

func TestWrongLogins_EndTheConnection(t *testing.T) {
	socket := dial(t, open(t, nil))
	for range 3 {
		reply, err := send(t, socket, d("saslStart", 1, "mechanism", "SCRAM-SHA-256", "payload", []byte("nonsense")))
		require.NoError(t, err)
		require.EqualValues(t, 18, reply["code"])
	}
	_, err := send(t, socket, d("ping", 1))
	require.Error(t, err)
}

// Unknown users get the same answers as known ones, so nobody learns who there is.
func TestUnknownUsers_LookLikeKnownOnes(t *testing.T) {
	p := open(t, nil)
	var shapes []int
	for _, name := range []string{"AKIDshop", "AKIDnone"} {
		socket := dial(t, p)
		reply, err := send(t, socket, d("hello", 1, "saslSupportedMechs", "admin."+name))
		require.NoError(t, err)
		require.Equal(t, bson.A{"SCRAM-SHA-256"}, reply["saslSupportedMechs"])
		salts := map[string]bool{}
		for range 2 {
			reply, err = send(t, socket, d("saslStart", 1, "mechanism", "SCRAM-SHA-256", "payload", []byte("n,,n="+name+",r=abc")))
			require.NoError(t, err)
			require.EqualValues(t, 1, reply["ok"])
			text := string(reply["payload"].(bson.Binary).Data)
			shapes = append(shapes, len(text))
			_, after, _ := strings.Cut(text, ",s=")
			salts[after] = true
		}
		require.Len(t, salts, 1, "the salt of a name stays")
	}
	for _, n := range shapes {
		require.Equal(t, shapes[0], n)
	}
}

func TestLargeMessageBeforeLogin_Refused(t *testing.T) {
	socket := dial(t, open(t, nil))
	_, err := send(t, socket, d("ping", 1, "comment", string(make([]byte, 70<<10))))
	require.Error(t, err)
}

func TestConnections_AreLimited(t *testing.T) {
	p := open(t, func(o *mongowire.Options) { o.MaxConnections = 2 })
	for range 2 {
		_, err := send(t, dial(t, p), d("ping", 1))
		require.NoError(t, err)
	}
	_, err := send(t, dial(t, p), d("ping", 1))
	require.Error(t, err)
}

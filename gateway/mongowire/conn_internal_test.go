package mongowire

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
)

// Drivers watch a server on connections that never sign in: they stay as long as they greet, and go when they are silent.
func TestMonitors_Stay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		defer s.Close()
		client, served := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			newConn(s, served, 1).serve(t.Context())
		}()
		doc, err := bson.Marshal(bson.D{{Key: "ping", Value: 1}, {Key: "$db", Value: "admin"}})
		require.NoError(t, err)
		ping := binary.LittleEndian.AppendUint32(nil, uint32(21+len(doc)))
		ping = binary.LittleEndian.AppendUint64(ping, 1)
		ping = binary.LittleEndian.AppendUint32(ping, 2013)
		ping = append(append(ping, 0, 0, 0, 0, 0), doc...)
		for range 12 {
			_, err := client.Write(ping)
			require.NoError(t, err)
			size := make([]byte, 4)
			_, err = io.ReadFull(client, size)
			require.NoError(t, err)
			_, err = io.ReadFull(client, make([]byte, binary.LittleEndian.Uint32(size)-4))
			require.NoError(t, err)
			time.Sleep(10 * time.Second) // of the bubble's clock
		}
		select {
		case <-done:
			t.Fatal("a connection that greets was closed")
		default:
		}
		time.Sleep(loginTime)
		<-done
	})
}

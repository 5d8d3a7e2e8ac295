package mongodb_test

import (
	"context"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/documentstest"
	"yunduo/data/documents/driver"
	"yunduo/data/documents/embedded"
	"yunduo/data/documents/mongodb"
	"yunduo/gateway/mongowire"
)

// platform is the user name of a caller who may open every app.
type platform struct{}

func (platform) Credential(_ context.Context, user string) (yunduo.Caller, string, error) {
	if user != "platform" {
		return yunduo.Caller{}, "", yunduo.Errorf(yunduo.ReasonLoginFailed, "nobody")
	}
	return yunduo.Caller{Role: yunduo.RoleSystem}, "secret", nil
}

// listener starts our own MongoDB listener over the embedded engine and returns its address.
func listener(t *testing.T) string {
	t.Helper()
	uri, _ := listenerOn(t, embedded.Options{})
	return uri
}

// listenerOn is listener with a store of one's own.
func listenerOn(t *testing.T, o embedded.Options) (string, *embedded.Engine) {
	t.Helper()
	o.TransactionBytes = 128 << 20 // documents and log entries
	engine, err := embedded.Open(t.TempDir(), o)
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	s := mongowire.New(mongowire.Options{Documents: db, Credentials: platform{}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		require.NoError(t, <-done)
		db.Close()
		require.NoError(t, engine.Close())
	})
	return "mongodb://platform:secret@" + l.Addr().String(), engine
}

// open returns an engine on the deployment that YUNDUO_TEST_MONGODB names, else on our own listener.
func open(t *testing.T) driver.Engine {
	t.Helper()
	uri := os.Getenv("YUNDUO_TEST_MONGODB")
	if uri == "" {
		uri = listener(t)
	}
	e, err := mongodb.Open(t.Context(), uri, mongodb.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func TestSuite(t *testing.T) { documentstest.Run(t, open) }

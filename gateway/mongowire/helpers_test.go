package mongowire_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/embedded"
	"yunduo/gateway/mongowire"
)

// users are credentials that a test may take away.
type users struct {
	mu     sync.Mutex
	byName map[string]user
}

type user struct {
	caller   yunduo.Caller
	password string
}

func (u *users) Credential(_ context.Context, name string) (yunduo.Caller, string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if found, ok := u.byName[name]; ok {
		return found.caller, found.password, nil
	}
	return yunduo.Caller{}, "", yunduo.Errorf(yunduo.ReasonLoginFailed, "nobody")
}

func (u *users) remove(name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byName, name)
}

// place is a listener over a real engine with two apps, shop and other.
type place struct {
	db      *documents.DB
	address string
	server  *mongowire.Server
}

func open(t *testing.T, change func(*mongowire.Options)) *place {
	t.Helper()
	engine, err := embedded.Open(t.TempDir(), embedded.Options{})
	require.NoError(t, err)
	db := documents.New(engine, documents.Options{})
	owner := func(app yunduo.AppID) yunduo.Caller { return yunduo.Caller{App: app, Role: yunduo.RoleOwner} }
	o := mongowire.Options{Documents: db, Version: "test", Credentials: &users{byName: map[string]user{
		"AKIDshop": {owner("shop"), "yds_shop"}, "AKIDother": {owner("other"), "yds_other"},
	}}}
	if change != nil {
		change(&o)
	}
	s := mongowire.New(o)
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
	return &place{db: db, address: l.Addr().String(), server: s}
}

func (p *place) owner() *documents.Session {
	return p.db.As(yunduo.Caller{App: "shop", Role: yunduo.RoleOwner})
}

// client connects with the stock driver, as the owner of shop.
func (p *place) client(t *testing.T, change func(*options.ClientOptions)) *mongo.Client {
	t.Helper()
	o := options.Client().ApplyURI("mongodb://AKIDshop:yds_shop@" + p.address + "/shop").SetServerSelectionTimeout(5 * time.Second)
	if change != nil {
		change(o)
	}
	c, err := mongo.Connect(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Disconnect(context.Background())) })
	return c
}

// code is the number of a server's error.
func code(t *testing.T, err error) int {
	t.Helper()
	require.Error(t, err)
	var server mongo.ServerError
	require.ErrorAs(t, err, &server, "%v", err)
	codes := server.ErrorCodes()
	require.NotEmpty(t, codes)
	return codes[0]
}

func d(pairs ...any) bson.D {
	doc := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		doc = append(doc, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return doc
}

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"

	"yunduo"
	"yunduo/apps"
	"yunduo/gateway/mongowire"
)

// mongoListener lets MongoDB's tools and drivers in.
type mongoListener struct {
	listener net.Listener
	server   *mongowire.Server
}

// listenMongo opens the MongoDB listener if the configuration asks for one.
func (s *Server) listenMongo(ctx context.Context) error {
	if s.config.MongoListen == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.MongoListen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: another MongoDB server may be running there; choose another address with --mongo-listen or --mongo-port", s.config.MongoListen)
	}
	if err != nil {
		return fmt.Errorf("listen for MongoDB on %s: %w", s.config.MongoListen, err)
	}
	options := mongowire.Options{Documents: s.rooms.Documents, Credentials: keyOwners{s.rooms.Apps}, Logger: s.logger, Version: s.config.Version, Now: s.config.Now, Remote: s.config.MongoDB != "", QueryTime: s.config.QueryTime}
	m := &mongoListener{listener: l, server: mongowire.New(options)}
	s.mongo = m
	s.later("mongo listener", func(context.Context) error {
		m.server.Close()
		l.Close()
		return nil
	})
	return nil
}

// serve answers connections until ctx ends.
func (m *mongoListener) serve(ctx context.Context) error {
	if m == nil {
		return nil
	}
	stop := context.AfterFunc(ctx, m.server.Close)
	defer stop()
	return m.server.Serve(m.listener)
}

// MongoURL is the connection string by which the MongoDB listener can be reached from this machine with a key of an
// app, empty if there is no listener.
func (s *Server) MongoURL(key apps.Key) string {
	if s.mongo == nil {
		return ""
	}
	address, ok := s.mongo.listener.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := address.AddrPort()
	if host.Addr().IsUnspecified() {
		host = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), host.Port())
	}
	u := url.URL{Scheme: "mongodb", User: url.UserPassword(key.SecretID, key.SecretKey), Host: host.String(), Path: "/" + string(key.App), RawQuery: "directConnection=true"}
	return u.String()
}

// keyOwners lets the keys of apps in: the secret ID is the user name, the secret key is the password, and who has them
// acts as the app's owner.
type keyOwners struct{ apps *apps.Registry }

// Credential returns the owner of the app that a secret ID belongs to, and its secret key.
func (k keyOwners) Credential(ctx context.Context, user string) (yunduo.Caller, string, error) {
	app, secret, err := k.apps.SecretKey(ctx, user)
	if err != nil {
		return yunduo.Caller{}, "", err
	}
	return yunduo.Caller{App: app, Role: yunduo.RoleOwner}, secret, nil
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	_ "time/tzdata" // triggers name time zones, and not every machine has their data

	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/api"
	"yunduo/apps"
	"yunduo/auth"
	"yunduo/auth/wechat"
	"yunduo/data/documents"
	"yunduo/functions"
	"yunduo/functions/bundle"
	"yunduo/functions/node"
	"yunduo/gateway"
	"yunduo/gateway/fastlane"
	"yunduo/internal/eventloop"
	"yunduo/releases"
	"yunduo/sdk/js"
	"yunduo/server/telemetry"
	"yunduo/storage"
	"yunduo/storage/disk"
	"yunduo/storage/driver"
	"yunduo/storage/s3"
	"yunduo/triggers"
	"yunduo/triggers/cron"
)

// Server is a whole platform in one process.
type Server struct {
	config   Config
	logger   *slog.Logger
	rooms    api.Rooms
	api      *api.API
	runtime  *node.Runtime
	gateway  *gateway.Gateway
	listener net.Listener
	mongo    *mongoListener // nil without one
	standIn  *standIn       // nil without one
	http     *fastlane.Server
	door     *door
	loop     *eventloop.Loop // nil where there is none
	closers  []closer        // in the order the rooms were built
	failed   chan error      // holds what makes the server stop
}

// closer takes one room down within the context's time.
type closer struct {
	name  string
	close func(context.Context) error
}

// New opens the data directory, builds the rooms and listens, so that a setting that cannot work fails here. The
// caller must Close the server, also when Run is never called.
func New(ctx context.Context, config Config) (_ *Server, err error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	tuneCollector()
	s := &Server{config: config, logger: config.Logger, failed: make(chan error, 1), door: newDoor()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if err := s.listen(ctx); err != nil {
		return nil, err
	}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	return s, s.listenMongo(ctx)
}

// later remembers how to take a room down.
func (s *Server) later(name string, close func(context.Context) error) {
	s.closers = append(s.closers, closer{name, close})
}

func (s *Server) listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: another server may be running there; choose another address with --listen or --port", s.config.Listen)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.config.Listen, err)
	}
	s.listener = l
	s.later("listener", func(context.Context) error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

func (s *Server) build(ctx context.Context) error {
	keys, err := loadKeys(s.config.DataDir)
	if err != nil {
		return err
	}
	engine, err := s.openEngine(ctx)
	if err != nil {
		return err
	}
	s.later("engine", func(context.Context) error { return engine.Close() })
	bucket, err := s.openBucket(ctx)
	if err != nil {
		return err
	}
	s.later("bucket", func(context.Context) error { return bucket.Close() })
	if err := s.buildBackups(engine, bucket); err != nil {
		return err
	}

	db := documents.New(engine, documents.Options{Now: s.config.Now, Logger: s.logger, UserExamines: s.config.UserExamines, FunctionExamines: s.config.FunctionExamines, WatchKey: keys.Derive("signing of watch positions")})
	s.later("documents", func(context.Context) error { db.Close(); return nil })
	s.rooms.Documents = db
	vault, err := s.openVault(ctx, keys)
	if err != nil {
		return err
	}
	if s.rooms.Apps, err = apps.New(db, apps.Options{
		Key: keys.Derive("sealing of app secrets"), Vault: vault, Now: s.config.Now, TrashAge: s.config.TrashAge,
		ChangeLog: apps.ChangeLog{Age: s.config.ChangeLogAge, Bytes: s.config.ChangeLogBytes},
	}); err != nil {
		return err
	}
	if err := s.buildAuth(db, keys); err != nil {
		return err
	}
	s.later("operations", func(context.Context) error {
		if s.api != nil {
			s.api.Close()
		}
		return nil
	})
	s.rooms.Storage = storage.New(db, bucket, storage.Options{SigningKey: keys.Derive("signing of file grants"), Now: s.config.Now, Logger: s.logger})
	if err := s.buildFunctions(ctx, keys, db, bucket); err != nil {
		return err
	}
	if err := s.keepApart(ctx); err != nil {
		return err
	}
	s.rooms.Triggers = triggers.New(db, invoker{s.rooms.Apps, s.rooms.Functions}, parseSchedule, triggers.Options{Logger: s.logger, SharedDatabase: s.config.MongoDB != ""})
	s.rooms.Releases = releases.New(db, s.rooms.Functions, s.rooms.Triggers, s.rooms.Storage, releases.Options{Logger: s.logger, Now: s.config.Now})

	if err := s.buildWeChat(ctx, db, keys, vault); err != nil {
		return err
	}

	s.rooms.Apps.OnDelete(s.rooms.Auth.DropApp)
	s.rooms.Apps.OnDelete(func(ctx context.Context, app yunduo.AppID) error {
		return s.rooms.Storage.DropApp(ctx, yunduo.System(app))
	})
	s.rooms.Apps.OnDelete(func(ctx context.Context, app yunduo.AppID) error {
		return s.rooms.Functions.DropApp(ctx, yunduo.System(app), app)
	})
	s.rooms.Apps.OnDelete(func(ctx context.Context, app yunduo.AppID) error {
		return s.rooms.Triggers.DropApp(ctx, yunduo.System(app), app)
	})
	s.rooms.Apps.OnDelete(func(ctx context.Context, app yunduo.AppID) error {
		return s.rooms.Releases.DropApp(ctx, yunduo.System(app), app)
	})

	s.api = api.New(s.rooms, api.Info{Isolation: isolation(s.runtime), Version: s.config.Version, QueryTime: s.config.QueryTime}, s.logger)
	s.rooms.Functions.SetHost(s.api.Host(s.localURL()))

	options := gateway.Options{API: s.api, Rooms: s.rooms, Logger: s.logger, Console: s.config.Console, PublicURL: s.config.PublicURL, COSSignatures: s.config.COSSignatures, CaptchaPage: s.config.CaptchaPage, Now: s.config.Now}
	if s.config.Dev != nil {
		options.Dev, options.DefaultApp = true, s.config.Dev.App
	}
	s.gateway = gateway.New(options)
	s.later("door", s.door.open(s.gateway, s.logger))
	s.http = fastlane.New(&http.Server{
		Handler: s.gateway, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeaders,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}, fastlane.Options{Logger: s.logger, Loop: s.loop, Quick: s.gateway.Quick()})
	return nil
}

// fail stops the server when the documents can no longer be kept: going on would acknowledge what is lost.
func (s *Server) fail(err error) {
	s.logger.Error("the documents cannot be kept any more; stopping", "error", err)
	select {
	case s.failed <- err:
	default:
	}
}

func (s *Server) openBucket(ctx context.Context) (driver.Bucket, error) {
	if s.config.S3 == "" {
		return disk.Open(filepath.Join(s.config.DataDir, "objects"))
	}
	return s3.Open(ctx, s.config.S3)
}

func (s *Server) buildAuth(db *documents.DB, keys auth.Keys) error {
	service, err := auth.New(db, s.rooms.Apps, auth.Options{Keys: keys, Now: s.config.Now, Logger: s.logger, Dev: s.config.Dev != nil, Sender: s.codeSender(), Captcha: s.captcha()})
	if err != nil {
		return err
	}
	s.rooms.Auth = service
	endpoint := ""
	if base := s.config.WeChatEndpoint; base != "" {
		if endpoint, err = url.JoinPath(base, "sns/jscode2session"); err != nil {
			return err
		}
	}
	provider, err := wechat.New(s.rooms.Apps, wechat.Options{Endpoint: endpoint, Dev: s.config.Dev != nil})
	if err != nil {
		return err
	}
	return service.Register(provider)
}

func (s *Server) buildFunctions(ctx context.Context, keys auth.Keys, db *documents.DB, bucket driver.Bucket) error {
	sdk, err := bundle.Script(js.Sources, "server/index.js", bundle.ScriptCommonJS, "")
	if err != nil {
		return err
	}
	if s.config.NodePath != "" {
		if s.config.NodePath, err = exec.LookPath(s.config.NodePath); err != nil {
			return fmt.Errorf("node: %w", err)
		}
	}
	s.loop, err = eventloop.New()
	switch {
	case err == nil:
		s.later("event loop", func(context.Context) error { s.loop.Close(); return nil })
	case !errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("start the event loop: %w", err)
	}
	options := node.Options{Loop: s.loop, NodePath: s.config.NodePath, Dir: filepath.Join(s.config.DataDir, "run"), ServerSDK: sdk, Sandbox: node.Sandbox(s.config.Sandbox), AppCPUs: s.config.AppCPUs, Logger: s.logger}
	options.Destinations = s.rooms.Apps.Destinations
	if s.config.Dev != nil && s.config.Dev.Source != nil {
		options.Inspect = &node.Inspect{Source: func(_ yunduo.AppID, function string) string { return s.config.Dev.Source(function) }}
	}
	options.Inside = &node.Inside{At: s.isHere, Serve: s.door.serve}
	if s.config.AllowPrivateNetwork {
		options.Egress = func(netip.AddrPort) bool { return true }
	}
	if s.runtime, err = node.New(options); err != nil {
		return err
	}
	s.later("node", s.runtime.Close)
	settings := functions.Options{Logger: s.logger, CacheDir: filepath.Join(s.config.DataDir, "cache"), TrustSources: s.config.Dev != nil, Credentials: s.credentials,
		Environment: s.rooms.Apps.Environment, EnvironmentCollection: apps.VariablesCollection, LogAge: s.rooms.Apps.LogAge, TapeKey: keys.Derive("sealing of recorded calls")}
	if s.config.OTLPEndpoint != "" {
		exporter, err := telemetry.New(ctx, telemetry.Options{Endpoint: s.config.OTLPEndpoint, Headers: s.config.OTLPHeaders, Signals: s.config.OTLPSignals, Version: s.config.Version, Logger: s.logger})
		if err != nil {
			return err
		}
		s.later("telemetry", exporter.Close)
		settings.Export, settings.ExportLate, settings.Count = exporter.Export, exporter.ExportLate, exporter.Count
	}
	s.rooms.Functions, err = functions.New(db, bucket, s.runtime, settings)
	if err != nil {
		return err
	}
	s.later("functions", s.rooms.Functions.Close)
	return nil
}

func parseSchedule(line, zone string) (triggers.Schedule, error) { return cron.Parse(line, zone) }

// Rooms are the server's rooms, for programs that embed it, such as "yunduo dev".
func (s *Server) Rooms() api.Rooms { return s.rooms }

// API is the server's operation table.
func (s *Server) API() *api.API { return s.api }

// Isolation tells how functions are kept apart on this machine.
func (s *Server) Isolation() string { return isolation(s.runtime) }

// isolation is "sandbox", or "none" with the reason.
func isolation(r *node.Runtime) string {
	mode, why := r.Isolation()
	if why == "" {
		return mode
	}
	return mode + ": " + why
}

// URL is the address under which the server can be reached from this machine, or its public one.
func (s *Server) URL() string {
	if s.config.PublicURL != "" {
		return s.config.PublicURL
	}
	return s.localURL()
}

func (s *Server) localURL() string {
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// Run serves until ctx ends, then lets running requests end within the grace time. It returns nil after such a stop.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error { return s.mongo.serve(ctx) })
	group.Go(func() error { return s.rooms.Triggers.Run(ctx) })
	group.Go(func() error { return s.rooms.Releases.Run(ctx) })
	group.Go(func() error { return s.sweep(ctx) })
	group.Go(func() error { return s.sweepApps(ctx) })
	group.Go(func() error { return giveBackMemory(ctx) })
	group.Go(func() error {
		select {
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	group.Go(func() error {
		<-ctx.Done()
		s.gateway.Drain()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.ShutdownGrace)
		defer cancel()
		if err := s.http.Shutdown(grace); err != nil {
			s.logger.Warn("requests were cut off", "error", err)
			return errors.Join(s.http.Close(), s.gateway.Wait(grace))
		}
		return s.gateway.Wait(grace)
	})
	return group.Wait()
}

// sweep removes objects that a crash left without a file, now and once a day.
func (s *Server) sweep(ctx context.Context) error {
	ticker := time.NewTicker(24 * time.Hour)
	defer ticker.Stop()
	for {
		if _, err := s.rooms.Storage.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("sweeping objects failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sweepApps drops what deleted apps have that nobody has brought back in time, now and every ten minutes.
func (s *Server) sweepApps(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Minute)
	defer ticker.Stop()
	for {
		if err := s.rooms.Apps.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("dropping deleted apps failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Close takes the rooms down in reverse order. It may be called more than once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownGrace)
	defer cancel()
	var problems []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i].close(ctx); err != nil {
			problems = append(problems, fmt.Errorf("close %s: %w", s.closers[i].name, err))
		}
	}
	s.closers = nil
	return errors.Join(problems...)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/apps"
	"yunduo/console"
	"yunduo/internal/project"
	"yunduo/server"
)

// devInfo is dev.json: how tools reach the platform of a project.
type devInfo struct {
	URL         string `json:"url"`
	App         string `json:"app"`
	ConsoleURL  string `json:"consoleUrl"`
	SiteURL     string `json:"siteUrl,omitempty"`
	MongoURL    string `json:"mongoUrl,omitempty"`
	InspectURL  string `json:"inspectUrl,omitempty"`
	APIKey      string `json:"apiKey"`
	SecretID    string `json:"secretId"`
	SecretKey   string `json:"secretKey"`
	WeChatAppID string `json:"wechatAppId"`
	StandInURL  string `json:"wechatStandInUrl,omitempty"` // plays WeChat, unless the app has a secret
	PID         int    `json:"pid"`
}

type devOptions struct {
	dir, data, app, mode, level string
	port, mongoPort, inspect    int
}

func devCommand(l language) *cobra.Command {
	var o devOptions
	config := server.DefaultConfig()
	cmd := &cobra.Command{
		Use: "dev [DIR]", Short: l.say(texts.dev), Args: cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return applySettings(cmd.Flags(), "") },
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = folder(args)
			return dev(cmd.Context(), l, cmd.OutOrStdout(), config, o)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.port, "port", 7300, "port on 127.0.0.1; 0 picks a free one")
	flags.IntVar(&o.mongoPort, "mongo-port", -1, "let MongoDB's tools and drivers in at this port on 127.0.0.1; 0 picks a free one; default: not at all")
	flags.IntVar(&o.inspect, "inspect", -1, "let debuggers in at this port on 127.0.0.1, 9229 if none is given; 0 picks a free one. Functions then run without the sandbox and without limits of time")
	flags.Lookup("inspect").NoOptDefVal = "9229"
	flags.StringVar(&o.data, "data", "", "data directory; default: .yunduo in the project")
	flags.StringVar(&o.app, "app", "", "the app's ID; default: the project's environment ID, else its folder's name")
	flags.StringVar(&o.mode, "mode", "", "also read .env.MODE")
	flags.StringVar(&o.level, "log-level", "error", "the server's own log: debug, info, warn or error")
	serverFlags(flags, &config)
	return cmd
}

func dev(ctx context.Context, l language, out io.Writer, config server.Config, o devOptions) (err error) {
	start := time.Now()
	p, err := project.Load(o.dir, project.Options{Mode: o.mode})
	if err != nil {
		return err
	}
	app := p.App
	if o.app != "" {
		app = yunduo.AppID(o.app)
	}
	state := o.data
	if state == "" {
		state = filepath.Join(p.Dir, stateDir)
	}
	ready := filepath.Join(p.Dir, stateDir, "dev.json")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if config.Logger, err = newLogger(out, o.level, "text"); err != nil {
		return err
	}
	config.DataDir, config.Listen = state, net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port))
	if o.mongoPort >= 0 {
		config.MongoListen = net.JoinHostPort("127.0.0.1", strconv.Itoa(o.mongoPort))
	}
	config.Console, config.Version = console.Files(), version
	config.Dev = &server.Dev{App: app, WeChatAppID: p.WeChatAppID}
	var sources sync.Map // folders of functions, by name
	if o.inspect >= 0 {
		if config.Sandbox == "require" {
			return errors.New(l.say(texts.inspectSandbox))
		}
		config.Sandbox = "off"
		config.Dev.Source = func(function string) string {
			folder, _ := sources.Load(function)
			text, _ := folder.(string)
			return text
		}
	}
	if config.CodeWebhook == "" {
		config.CodeSender = printedCodes(l, out)
	}
	s, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	d := &developer{language: l, out: out, server: s, project: p, options: o, app: app, sources: &sources}
	info, err := d.openApp(ctx, state)
	if err != nil {
		return err
	}
	site, err := d.openSite(ctx, &info)
	if err != nil {
		return err
	}
	if site != nil {
		defer func() { err = errors.Join(err, site.close()) }()
	}
	if o.inspect >= 0 {
		i, failed := startInspector(ctx, o.inspect, d.inspected, d.inspect)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, i.close()) }()
		info.InspectURL = "http://" + i.address()
	}
	stopLogs := d.printLogs()
	defer stopLogs()

	group, ctx := errgroup.WithContext(ctx)
	changes, err := watchTree(ctx, d.roots())
	if err != nil {
		return err
	}
	group.Go(func() error { return s.Run(ctx) })
	group.Go(func() error {
		d.deployAll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := writeJSON(ready, info); err != nil {
			return err
		}
		d.banner(info, time.Since(start))
		for paths := range changes {
			d.changed(ctx, paths)
		}
		return nil
	})
	err = group.Wait()
	fmt.Fprintln(out, l.say(texts.stopping))
	if removed := os.Remove(ready); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// openApp makes sure that the project's app exists with the project's settings, and that there are keys for it. Keys
// are kept with the data, so that tools need not be told new ones at every start.
func (d *developer) openApp(ctx context.Context, state string) (devInfo, error) {
	rooms, caller := d.server.Rooms(), yunduo.System(d.app)
	_, err := rooms.Apps.Create(ctx, caller, apps.App{ID: d.app, WeChat: apps.WeChat{AppID: d.project.WeChatAppID}})
	if yunduo.ReasonOf(err) == yunduo.ReasonAppExists {
		_, err = rooms.Apps.Update(ctx, caller, d.app, apps.Change{WeChatAppID: &d.project.WeChatAppID})
	}
	if err != nil {
		return devInfo{}, err
	}
	standIn := ""
	if _, secret, err := rooms.Apps.WeChatApp(ctx, d.app); err != nil {
		return devInfo{}, err
	} else if secret == "" {
		standIn = d.server.StandInURL()
	}
	path := filepath.Join(state, "keys-"+string(d.app)+".json")
	var keys apps.Key
	if err := readJSON(path, &keys); err != nil {
		return devInfo{}, err
	}
	if holder, err := rooms.Apps.VerifyAPIKey(ctx, keys.APIKey); err != nil || holder != d.app {
		if keys, err = rooms.Apps.CreateKey(ctx, caller, d.app); err != nil {
			return devInfo{}, err
		}
		if err := writeJSON(path, keys); err != nil {
			return devInfo{}, err
		}
	}
	return devInfo{
		MongoURL: d.server.MongoURL(keys),
		URL:      d.server.URL(), App: string(d.app), ConsoleURL: d.server.URL() + "/console/#token=" + rooms.Auth.DevToken(),
		APIKey: keys.APIKey, SecretID: keys.SecretID, SecretKey: keys.SecretKey, WeChatAppID: d.project.WeChatAppID, StandInURL: standIn, PID: os.Getpid(),
	}, nil
}

func (d *developer) openSite(ctx context.Context, info *devInfo) (*site, error) {
	if d.project.HostingDir == "" {
		return nil, nil
	}
	s, err := startSite(ctx, d.project.HostingDir, info.App, info.URL)
	if err != nil {
		return nil, err
	}
	info.SiteURL = s.url()
	return s, nil
}

func (d *developer) banner(info devInfo, took time.Duration) {
	l := d.language
	line := func(name text, value string) {
		label := l.say(name)
		fmt.Fprintf(d.out, "  %s%s %s\n", label, strings.Repeat(" ", max(0, 12-columns(label))), value)
	}
	fmt.Fprintf(d.out, "\n%s\n\n", l.say(texts.ready, took.Round(time.Millisecond)))
	line(texts.console, info.ConsoleURL)
	line(texts.api, info.URL)
	line(texts.app, info.App)
	if info.StandInURL != "" {
		line(wechatTexts.label, l.say(wechatTexts.standIn, info.StandInURL))
	}
	if info.SiteURL != "" {
		line(texts.site, info.SiteURL)
	}
	if info.MongoURL != "" {
		line(texts.mongo, info.MongoURL)
	}
	if info.InspectURL != "" {
		line(texts.inspector, l.say(texts.inspectAt, strings.TrimPrefix(info.InspectURL, "http://")))
	}
	line(texts.isolation, d.server.Isolation())
	if !isSandboxed(d.server.Isolation()) {
		fmt.Fprintln(d.out, "  "+l.say(texts.configProblem, l.say(texts.sandboxOff)))
	}
	fmt.Fprintf(d.out, "\n%s\n\n", l.say(texts.watching, d.project.Dir))
}

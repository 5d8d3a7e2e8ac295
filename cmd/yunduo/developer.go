package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"yunduo"
	"yunduo/functions"
	"yunduo/internal/project"
	"yunduo/server"
	"yunduo/triggers"
)

// deployAtOnce is how many functions are built at the same time.
const deployAtOnce = 4

// developer keeps the platform in step with a project folder and tells what happens, a readable line each.
type developer struct {
	language language
	server   *server.Server
	options  devOptions
	app      yunduo.AppID

	mu  sync.Mutex // of out: deployments and logs print at the same time
	out io.Writer

	sources *sync.Map // folder by function, for debuggers

	project *project.Project // touched by one goroutine at a time
}

func (d *developer) print(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintln(d.out, plain(fmt.Sprintf(format, args...)))
}

func (d *developer) say(t text, args ...any) { d.print("%s", d.language.say(t, args...)) }

// roots are the folders whose changes matter.
func (d *developer) roots() []string {
	roots := []string{d.project.FunctionsDir}
	for _, file := range d.project.Files {
		if dir := filepath.Dir(file); dir == d.project.Dir {
			return append(roots, dir)
		}
	}
	return roots
}

// deployAll deploys every function and removes those the project no longer has.
func (d *developer) deployAll(ctx context.Context) {
	for _, warning := range d.project.Warnings {
		d.say(texts.configProblem, warning)
	}
	applyData(ctx, d.project, ownPlatform{d.server.API(), d.app}, func(what string, err error) {
		if err != nil {
			d.say(texts.configProblem, what+": "+sentence(err))
		}
	})
	var group errgroup.Group
	group.SetLimit(deployAtOnce)
	for _, f := range d.project.Functions {
		group.Go(func() error {
			d.deploy(ctx, f)
			return nil
		})
	}
	_ = group.Wait() // each has told its own outcome
	d.removeOthers(ctx)
	if len(d.project.Functions) == 0 {
		d.say(texts.noFunctions, d.project.FunctionsDir)
	}
}

// removeOthers deletes deployed functions whose folders are gone.
func (d *developer) removeOthers(ctx context.Context) {
	rooms, caller := d.server.Rooms(), yunduo.System(d.app)
	list, err := rooms.Functions.List(ctx, caller, d.app)
	if err != nil {
		d.say(texts.configProblem, sentence(err))
		return
	}
	for _, deployed := range list {
		if slices.ContainsFunc(d.project.Functions, func(f project.Function) bool { return f.Name == deployed.Name }) {
			continue
		}
		_, err := rooms.Triggers.Set(ctx, caller, d.app, deployed.Name, nil)
		if err == nil {
			err = rooms.Functions.Delete(ctx, caller, d.app, deployed.Name)
		}
		if err != nil {
			d.say(texts.deployFailed, deployed.Name, withLines(err))
			continue
		}
		d.say(texts.removed, deployed.Name)
	}
}

// deploy makes a version out of a function's folder. Code that cannot be loaded becomes the live version too: calling
// it then tells the same error that is printed here.
func (d *developer) deploy(ctx context.Context, f project.Function) {
	start := time.Now()
	for _, warning := range f.Warnings {
		d.say(texts.configProblem, f.Name+": "+warning)
	}
	if f.Err != nil {
		d.say(texts.deployFailed, f.Name, withLines(f.Err))
	}
	d.sources.Store(f.Name, f.Dir)
	rooms, caller := d.server.Rooms(), yunduo.System(d.app)
	version, err := rooms.Functions.Deploy(ctx, caller, d.app, functions.DeployRequest{
		Name: f.Name, Folder: f.Dir, Root: d.project.Dir, Settings: settings(f), KeepBroken: true,
	})
	if err != nil {
		d.say(texts.deployFailed, f.Name, withLines(err))
		return
	}
	if version.Failure != nil {
		d.say(texts.deployFailed, f.Name, version.Failure.Message)
		return
	}
	for _, warning := range version.Warnings {
		d.say(texts.configProblem, f.Name+": "+warning)
	}
	if version.Created {
		d.say(texts.deployed, f.Name, version.Number, time.Since(start).Round(time.Millisecond))
	}
	set, err := rooms.Triggers.Set(ctx, caller, d.app, f.Name, definitions(f))
	if err != nil {
		d.say(texts.deployFailed, f.Name, withLines(err))
	}
	for _, t := range set {
		if t.Warning != "" {
			d.say(texts.configProblem, f.Name+": "+t.Name+": "+t.Warning)
		}
	}
}

func settings(f project.Function) functions.Settings {
	s := functions.Settings{
		Timeout: f.Settings.Timeout, Handler: f.Settings.Handler, Env: f.Settings.Env, Concurrency: f.Settings.Concurrency,
		Unbundled: f.Settings.Unbundled, OfficialSDK: f.Settings.OfficialSDK, Serves: f.Settings.Serves, Schema: f.Settings.Schema,
	}
	for _, t := range f.Triggers {
		s.Triggers = append(s.Triggers, functions.Trigger{Name: t.Name, Schedule: t.Schedule, TimeZone: t.TimeZone})
	}
	return s
}

func definitions(f project.Function) []triggers.Definition {
	list := make([]triggers.Definition, len(f.Triggers))
	for i, t := range f.Triggers {
		list[i] = triggers.Definition{Name: t.Name, Type: "timer", Schedule: t.Schedule, TimeZone: t.TimeZone}
	}
	return list
}

// changed brings the platform up to date after files have changed.
func (d *developer) changed(ctx context.Context, paths []string) {
	p, err := project.Load(d.options.dir, project.Options{Mode: d.options.mode})
	if err != nil {
		d.say(texts.configProblem, sentence(err))
		return
	}
	before := d.project
	d.project = p
	settingsChanged := slices.ContainsFunc(paths, func(path string) bool {
		return slices.Contains(p.Files, path) || slices.Contains(before.Files, path)
	})
	if settingsChanged {
		d.deployAll(ctx)
		return
	}
	for _, f := range p.Functions {
		inside := func(path string) bool {
			return path == f.Dir || strings.HasPrefix(path, f.Dir+string(os.PathSeparator))
		}
		if slices.ContainsFunc(paths, inside) {
			d.deploy(ctx, f)
		}
	}
	if len(p.Functions) < len(before.Functions) || slices.ContainsFunc(before.Functions, func(f project.Function) bool {
		return !slices.ContainsFunc(p.Functions, func(g project.Function) bool { return g.Name == f.Name })
	}) {
		d.removeOthers(ctx)
	}
}

// inspected lists the functions that a debugger may look into.
func (d *developer) inspected(ctx context.Context) ([]string, error) {
	list, err := d.server.Rooms().Functions.List(ctx, yunduo.System(d.app), d.app)
	names := make([]string, len(list))
	for i, f := range list {
		names[i] = f.Name
	}
	return names, err
}

// inspect returns the address of a function's process for debuggers.
func (d *developer) inspect(ctx context.Context, function string) (string, error) {
	return d.server.Rooms().Functions.Inspect(ctx, yunduo.System(d.app), d.app, function)
}

func isSandboxed(isolation string) bool { return strings.HasPrefix(isolation, "sandbox") }

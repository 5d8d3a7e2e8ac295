package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"yunduo/internal/project"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

func deployCommand(l language) *cobra.Command {
	var only []string
	var mode string
	var prepare bool
	var note string
	cmd := &cobra.Command{Use: "deploy [DIR]", Short: l.say(texts.deploy), Args: cobra.MaximumNArgs(1)}
	connect := targetFlags(cmd)
	cmd.Flags().StringSliceVar(&only, "function", nil, "deploy only these functions")
	cmd.Flags().StringVar(&mode, "mode", "", "also read .env.MODE")
	cmd.Flags().StringVar(&note, "note", "", "what to remember of the release")
	cmd.Flags().BoolVar(&prepare, "prepare", false, "make versions of the functions that get no calls yet; rules, indexes and triggers stay")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir := folder(args)
		p, err := project.Load(dir, project.Options{Mode: mode})
		if err != nil {
			return err
		}
		c, _, err := connect(dir)
		if err != nil {
			return err
		}
		for _, warning := range p.Warnings {
			fmt.Fprintln(cmd.ErrOrStderr(), l.say(texts.configProblem, warning))
		}
		return deployAll(cmd, l, c, p, only, prepare, note)
	}
	return cmd
}

// deployAll makes versions of the functions one after another and goes on after what fails. If none has, they are
// released together with the project's rules, triggers and indexes; otherwise nothing changes for anybody. With functions
// named, only these are deployed.
func deployAll(cmd *cobra.Command, l language, c *client.Client, p *project.Project, only []string, prepare bool, note string) error {
	out, failed, found := cmd.OutOrStdout(), 0, 0
	var said []func()
	var asked reports
	release := wire.ReleaseRequest{Functions: map[string]int64{}, Triggers: map[string][]wire.TriggerSpec{}, Note: note}
	if len(only) == 0 {
		stateData(p, &release)
	}
	for _, f := range p.Functions {
		if len(only) > 0 && !slices.Contains(only, f.Name) {
			continue
		}
		found++
		err := f.Err
		var made wire.Function
		if err == nil {
			var request wire.DeployRequest
			if request, err = deployRequest(f); err == nil {
				request.Prepare = true
				release.Triggers[f.Name] = append([]wire.TriggerSpec{}, request.Settings.Triggers...)
				made, err = c.Deploy(cmd.Context(), request)
			}
		}
		if err != nil {
			failed++
			fmt.Fprintln(out, l.say(texts.deployFailed, f.Name, withLines(err)))
			continue
		}
		release.Functions[f.Name] = made.Version
		asked.ask(cmd.Context(), c, f.Name, made.Version)
		said = append(said, func() {
			done := texts.deployed
			if prepare {
				done = texts.prepared
			}
			fmt.Fprintln(out, l.say(done, f.Name, made.Version, made.Mode))
			for _, warning := range append(f.Warnings, made.Warnings...) {
				fmt.Fprintln(out, "  "+l.say(texts.configProblem, warning))
			}
			tell(out, l, asked.of(f.Name))
		})
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d functions cannot be deployed; nothing has changed", failed, found)
	case found == 0 && len(only) > 0:
		return errors.New("the project has none of the functions named")
	case found == 0:
		fmt.Fprintln(out, l.say(texts.noFunctions, p.FunctionsDir))
	}
	var made wire.Release
	if !prepare {
		var err error
		if made, err = c.Release(cmd.Context(), release); err != nil {
			return fmt.Errorf("nothing has changed: %s", sentence(err))
		}
		for _, what := range statedData(&release) {
			fmt.Fprintln(out, l.say(texts.applied, what))
		}
	}
	for _, say := range said {
		say()
	}
	asked.tellUnchecked(out, l)
	if !prepare {
		fmt.Fprintln(out, l.say(releaseTexts.made, made.Number))
	}
	return nil
}

// deployRequest reads a function's folder. Symbolic links that lead out of it are refused by the server's rules on
// paths; hidden folders stay at home.
func deployRequest(f project.Function) (wire.DeployRequest, error) {
	request := wire.DeployRequest{Name: f.Name, Settings: wireSettings(f)}
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return request, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != "." && d.Name()[0] == '.' {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			info, err := fs.Stat(root.FS(), path) // follows links, but never out of the folder
			if err != nil || !info.Mode().IsRegular() {
				return nil
			}
		}
		content, err := fs.ReadFile(root.FS(), path)
		if err != nil {
			return err
		}
		request.Files = append(request.Files, wire.DeployFile{Path: filepath.ToSlash(path), Content: content})
		return nil
	})
	return request, err
}

func wireSettings(f project.Function) wire.FunctionSettings {
	settings := wire.FunctionSettings{
		TimeoutSeconds: f.Settings.Timeout.Seconds(), Handler: f.Settings.Handler, Concurrency: f.Settings.Concurrency, Env: f.Settings.Env,
		Unbundled: f.Settings.Unbundled, OfficialSDK: f.Settings.OfficialSDK, Serves: f.Settings.Serves, Schema: json.RawMessage(f.Settings.Schema),
	}
	for _, t := range f.Triggers {
		settings.Triggers = append(settings.Triggers, wire.TriggerSpec{Name: t.Name, Type: "timer", Config: t.Schedule, TimeZone: t.TimeZone})
	}
	return settings
}

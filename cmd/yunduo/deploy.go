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
	cmd := &cobra.Command{Use: "deploy [DIR]", Short: l.say(texts.deploy), Args: cobra.MaximumNArgs(1)}
	connect := targetFlags(cmd)
	cmd.Flags().StringSliceVar(&only, "function", nil, "deploy only these functions")
	cmd.Flags().StringVar(&mode, "mode", "", "also read .env.MODE")
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
		return deployAll(cmd, l, c, p, only, prepare)
	}
	return cmd
}

// deployAll applies the project's rules and indexes, deploys the functions one after another and goes on after what
// fails. With functions named, only these are deployed.
func deployAll(cmd *cobra.Command, l language, c *client.Client, p *project.Project, only []string, prepare bool) error {
	out, failed, found, refused := cmd.OutOrStdout(), 0, 0, 0
	if len(only) == 0 && !prepare {
		applyData(cmd.Context(), p, c, func(what string, err error) {
			if err != nil {
				refused++
				fmt.Fprintln(out, l.say(texts.deployFailed, what, sentence(err)))
				return
			}
			fmt.Fprintln(out, l.say(texts.applied, what))
		})
	}
	for _, f := range p.Functions {
		if len(only) > 0 && !slices.Contains(only, f.Name) {
			continue
		}
		found++
		err := f.Err
		var live wire.Function
		if err == nil {
			var request wire.DeployRequest
			if request, err = deployRequest(f); err == nil {
				request.Prepare = prepare
				live, err = c.Deploy(cmd.Context(), request)
			}
		}
		if err != nil {
			failed++
			fmt.Fprintln(out, l.say(texts.deployFailed, f.Name, sentence(err)))
			continue
		}
		done := texts.deployed
		if prepare {
			done = texts.prepared
		}
		fmt.Fprintln(out, l.say(done, f.Name, live.Version, live.Mode))
		for _, warning := range append(f.Warnings, live.Warnings...) {
			fmt.Fprintln(out, "  "+l.say(texts.configProblem, warning))
		}
	}
	switch {
	case refused > 0 && failed == 0:
		return fmt.Errorf("%d rules or indexes were not applied", refused)
	case failed > 0:
		return fmt.Errorf("%d of %d functions were not deployed", failed, found)
	case found == 0 && len(only) > 0:
		return errors.New("the project has none of the functions named")
	case found == 0:
		fmt.Fprintln(out, l.say(texts.noFunctions, p.FunctionsDir))
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

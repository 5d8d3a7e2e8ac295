package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"yunduo"
	client "yunduo/sdk/go"
)

// stateDir holds what the program keeps for a project, in the project's folder.
const stateDir = ".yunduo"

// target is the server, app and key that client verbs talk to. dev.json has the same members.
type target struct {
	URL    string `json:"url"`
	App    string `json:"app"`
	APIKey string `json:"apiKey"`
}

// targetFlags adds the flags that choose a target and returns how to get it.
func targetFlags(cmd *cobra.Command) func(dir string) (*client.Client, target, error) {
	var given target
	cmd.Flags().StringVar(&given.URL, "server", "", "the server's address (YUNDUO_URL)")
	cmd.Flags().StringVar(&given.App, "app", "", "the app (YUNDUO_APP)")
	cmd.Flags().StringVar(&given.APIKey, "key", "", "an API key of the app (YUNDUO_API_KEY)")
	return func(dir string) (*client.Client, target, error) {
		t, err := findTarget(dir, given)
		if err != nil {
			return nil, t, err
		}
		return client.New(t.URL, yunduo.AppID(t.App), t.APIKey), t, nil
	}
}

// findTarget completes what the flags gave from the environment, from what "yunduo login" saved in the project, and
// from the "yunduo dev" that runs there. Each is taken whole: a key is never sent to another server than its own.
func findTarget(dir string, t target) (target, error) {
	environment := target{os.Getenv("YUNDUO_URL"), os.Getenv("YUNDUO_APP"), os.Getenv("YUNDUO_API_KEY")}
	if t == (target{}) {
		t = environment
	} else {
		t = t.or(environment)
	}
	if t == (target{}) {
		for _, name := range []string{"login.json", "dev.json"} {
			found, err := readTarget(filepath.Join(dir, stateDir, name))
			if err != nil {
				return t, err
			}
			if found != (target{}) {
				return found, nil
			}
		}
	}
	if t.URL == "" || t.App == "" || t.APIKey == "" {
		return t, errors.New("which server? Run \"yunduo login\", start \"yunduo dev\" in the project, or give --server, --app and --key")
	}
	return t, nil
}

func (t target) or(other target) target {
	for _, f := range []struct{ own, other *string }{{&t.URL, &other.URL}, {&t.App, &other.App}, {&t.APIKey, &other.APIKey}} {
		if *f.own == "" {
			*f.own = *f.other
		}
	}
	return t
}

func readTarget(path string) (target, error) {
	var t target
	err := readJSON(path, &t)
	return t, err
}

// writeJSON writes a file that only its owner reads, whole or not at all.
func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone once it was renamed
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func loginCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "login [DIR]", Short: l.say(texts.login), Args: cobra.MaximumNArgs(1)}
	connect := targetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		dir := folder(args)
		c, t, err := connect(dir)
		if err != nil {
			return err
		}
		if _, err := c.Functions(cmd.Context()); err != nil { // proves address, app and key
			return err
		}
		if err := writeJSON(filepath.Join(dir, stateDir, "login.json"), t); err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), l.say(texts.loggedIn, t.App, t.URL))
		return err
	}
	return cmd
}

// folder is the optional DIR argument.
func folder(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return "."
}

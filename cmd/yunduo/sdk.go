package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"yunduo/functions/bundle"
	"yunduo/sdk/js"
)

// sdkForms are the SDK's entries that can be had as one file.
var sdkForms = map[string]struct {
	entry string
	form  bundle.ScriptForm
}{
	"miniprogram": {"miniprogram/index.js", bundle.ScriptCommonJS},
	"web":         {"web/index.js", bundle.ScriptBrowser},
	"node":        {"node/index.js", bundle.ScriptCommonJS},
	// Not an SDK of ours: it points the vendor's tools at this server.
	"cloudbase": {"cloudbase/index.js", bundle.ScriptCommonJS},
}

func sdkCommand(l language) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "sdk miniprogram|web|node|cloudbase", Short: l.say(texts.sdk), Args: cobra.ExactArgs(1), ValidArgs: []string{"miniprogram", "web", "node", "cloudbase"},
		RunE: func(cmd *cobra.Command, args []string) error {
			form, ok := sdkForms[args[0]]
			if !ok {
				return fmt.Errorf("%q is not one of miniprogram, web, node, cloudbase", args[0])
			}
			text, err := bundle.Script(js.Sources, form.entry, form.form, "yunduo")
			if err != nil {
				return err
			}
			if file == "" {
				_, err = cmd.OutOrStdout().Write(text)
				return err
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file, text, 0o644)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this file")
	return cmd
}

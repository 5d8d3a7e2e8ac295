package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// template is the smallest project that shows a function at work.
//
//go:embed all:template
var template embed.FS

func initCommand(l language) *cobra.Command {
	return &cobra.Command{
		Use: "init [DIR]", Short: l.say(texts.initCmd), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := folder(args)
			if err := writeTemplate(dir); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), l.say(texts.created, dir))
			_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(texts.next, dir))
			return err
		},
	}
}

// writeTemplate writes the template's files and refuses to touch one that exists.
func writeTemplate(dir string) error {
	files, err := fs.Sub(template, "template")
	if err != nil {
		return err
	}
	for _, existing := range []string{"project.config.json", "cloudbaserc.json", "yunduo.yaml", "cloudfunctions"} {
		if _, err := os.Stat(filepath.Join(dir, existing)); err == nil {
			return fmt.Errorf("%s is a project already (it has %s): run \"yunduo dev %s\"", dir, existing, dir)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.CopyFS(dir, files)
}

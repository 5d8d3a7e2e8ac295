package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// applySettings fills the flags that were not given on the command line: from YUNDUO_* environment variables, then
// from the YAML file at path (empty is none). A key of the file is the flag's name.
func applySettings(flags *pflag.FlagSet, path string) error {
	file, err := readSettings(path)
	if err != nil {
		return err
	}
	var problems []error
	flags.VisitAll(func(f *pflag.Flag) {
		fromFile, inFile := file[f.Name]
		delete(file, f.Name)
		if f.Changed {
			return
		}
		variable := "YUNDUO_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := os.LookupEnv(variable); ok {
			if err := flags.Set(f.Name, value); err != nil {
				problems = append(problems, fmt.Errorf("environment variable %s: %w", variable, err))
			}
			return
		}
		if inFile {
			if err := flags.Set(f.Name, fmt.Sprint(fromFile)); err != nil {
				problems = append(problems, fmt.Errorf("%s: key %s: %w", path, f.Name, err))
			}
		}
	})
	for name := range file {
		problems = append(problems, fmt.Errorf("%s: there is no setting %q", path, name))
	}
	return errors.Join(problems...)
}

func readSettings(path string) (map[string]any, error) {
	settings := map[string]any{}
	if path == "" {
		return settings, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the configuration file %s does not exist", path)
	}
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

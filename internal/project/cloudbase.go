package project

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/joho/godotenv"
	"go.yaml.in/yaml/v3"

	"yunduo"
)

// cloudbaseNames are the names of the CloudBase CLI's configuration, in the order of preference.
var cloudbaseNames = []string{"cloudbaserc.json", "cloudbaserc.yaml", "cloudbaserc.yml", "cloudbaserc", "cloudbaserc.js", "cloudbase.config.js"}

// cloudbaseTypeScript is its form that Node.js does not run.
const cloudbaseTypeScript = "cloudbaserc.ts"

// cloudbaseConfig is the configuration of the CloudBase CLI, as far as it matters here.
type cloudbaseConfig struct {
	file                  string
	EnvID                 string              `json:"envId"`
	FunctionRoot          string              `json:"functionRoot"`
	Functions             []cloudbaseFunction `json:"functions"`
	FunctionDefaultConfig cloudbaseFunction   `json:"functionDefaultConfig"`
	Framework             struct {
		Plugins map[string]struct {
			Inputs struct {
				ServicePaths map[string]string `json:"servicePaths"` // function to path
			} `json:"inputs"`
		} `json:"plugins"`
	} `json:"framework"`
}

// servicePaths returns the HTTP paths that the CloudBase framework's plug-ins give functions. They are open to anybody.
func (c *cloudbaseConfig) servicePaths() map[string]string {
	paths := map[string]string{}
	for _, plugin := range c.Framework.Plugins {
		for function, path := range plugin.Inputs.ServicePaths {
			paths[path] = function
		}
	}
	return paths
}

// cloudbaseFunction are the settings of one function; config.json of a function folder has the same ones.
type cloudbaseFunction struct {
	Name         string            `json:"name"`
	Dir          string            `json:"dir"`
	Handler      string            `json:"handler"`
	Timeout      number            `json:"timeout"` // seconds
	EnvVariables variables         `json:"envVariables"`
	Triggers     cloudbaseTriggers `json:"triggers"`
	Type         string            `json:"type"`
	Description  string            `json:"description"`
	Concurrency  struct {
		Max number `json:"maxConcurrency"`
	} `json:"instanceConcurrencyConfig"`
}

// cloudbaseTrigger is a trigger as both config.json and cloudbaserc have it.
type cloudbaseTrigger struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Config string `json:"config"`
}

// cloudbaseTriggers are a list, or a single one.
type cloudbaseTriggers []cloudbaseTrigger

func (t *cloudbaseTriggers) UnmarshalJSON(data []byte) error {
	var one cloudbaseTrigger
	if json.Unmarshal(data, &one) == nil && one != (cloudbaseTrigger{}) {
		*t = cloudbaseTriggers{one}
		return nil
	}
	var list []cloudbaseTrigger
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	*t = list
	return nil
}

func (l *loader) readCloudBase() error {
	for _, name := range cloudbaseNames {
		data, err := readFile(l.note(name), name)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		l.cloudbase.file = name
		switch filepath.Ext(name) {
		case ".json":
		case ".js":
			data, err = l.runProgram(name)
		default:
			data, err = yamlToJSON(data, name)
		}
		if err != nil {
			return err
		}
		var tree any
		if err := decodeJSON(data, name, &tree); err != nil {
			return err
		}
		if !l.hasTemplate(tree) {
			// Decoding the author's own text keeps places in errors right.
			return decodeJSON(data, name, &l.cloudbase)
		}
		filled, err := json.Marshal(l.fill(tree, name))
		if err != nil {
			return yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "%s cannot be read", name)
		}
		return decodeJSON(filled, name, &l.cloudbase)
	}
	if _, err := os.Stat(filepath.Join(l.project.Dir, cloudbaseTypeScript)); err == nil {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s is TypeScript, which is not run here; write what it gives into cloudbaserc.json or cloudbaserc.js", cloudbaseTypeScript)
	}
	return nil
}

func yamlToJSON(data []byte, name string) ([]byte, error) {
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, yamlError(err, name)
	}
	converted, err := json.Marshal(tree)
	if err != nil {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: keys must be texts", name)
	}
	return converted, nil
}

// readEnvFiles reads .env and .env.MODE, of which the latter wins.
func (l *loader) readEnvFiles() error {
	l.vars = make(map[string]string)
	names := []string{".env", ".env.local"}
	if l.options.Mode != "" {
		names = append(names, ".env."+l.options.Mode)
	}
	for _, name := range names {
		data, err := readFile(l.note(name), name)
		if err != nil {
			return err
		}
		vars, err := godotenv.UnmarshalBytes(data)
		if err != nil {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: a line is not NAME=value", name)
		}
		for k, v := range vars {
			l.vars[k] = v
		}
	}
	return nil
}

var template = regexp.MustCompile(`\{\{\s*([A-Za-z]+)\.([A-Za-z0-9_]+)\s*\}\}`)

func (l *loader) hasTemplate(tree any) bool {
	switch t := tree.(type) {
	case string:
		return template.MatchString(t)
	case []any:
		for _, v := range t {
			if l.hasTemplate(v) {
				return true
			}
		}
	case map[string]any:
		for _, v := range t {
			if l.hasTemplate(v) {
				return true
			}
		}
	}
	return false
}

// fill puts variables into the {{env.NAME}} of every text. One that is not set gives an empty text and a warning.
func (l *loader) fill(tree any, file string) any {
	switch t := tree.(type) {
	case string:
		return l.fillText(t, file)
	case []any:
		for i, v := range t {
			t[i] = l.fill(v, file)
		}
	case map[string]any:
		for k, v := range t {
			t[k] = l.fill(v, file)
		}
	}
	return tree
}

func (l *loader) fillText(text, file string) string {
	return template.ReplaceAllStringFunc(text, func(found string) string {
		m := template.FindStringSubmatch(found)
		if m[1] != "env" {
			l.warn("%s: %s is not known here and left empty", file, strings.TrimSpace(found))
			return ""
		}
		if v, ok := l.options.Env(m[2]); ok {
			return v
		}
		v, ok := l.vars[m[2]]
		if !ok {
			l.warn("%s: the variable %s is not set and left empty", file, m[2])
		}
		return v
	})
}

package project_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/internal/project"
)

func TestLoad_ConfigJSON(t *testing.T) {
	tests := map[string]struct {
		config   string
		settings project.Settings
		triggers []project.Trigger
		warnings []string
		err      string
	}{
		"as written by hand": {
			config:   "\xef\xbb\xbf{\n  // by hand\n  \"permissions\": { \"openapi\": [] },\n  \"triggers\": [ { \"name\": \"tick\", \"type\": \"timer\", \"config\": \"*/2 * * * * * * \" }, ],\n}",
			triggers: []project.Trigger{{Name: "tick", Schedule: "*/2 * * * * * * "}},
		},
		"every setting":          {config: `{"timeout":20,"envVariables":{"A":"1","N":2,"B":true},"runtime":"Nodejs16.13","memorySize":256,"handler":"index.main"}`, settings: project.Settings{Timeout: 20 * time.Second, Handler: "index.main", Env: map[string]string{"A": "1", "N": "2", "B": "true"}}},
		"numbers as texts":       {config: `{"timeout":"7"}`, settings: project.Settings{Timeout: 7 * time.Second}},
		"a list of variables":    {config: `{"envVariables":[{"key":"A","value":"1"}]}`, settings: project.Settings{Env: map[string]string{"A": "1"}}},
		"a single trigger":       {config: `{"triggers":{"name":"t","type":"timer","config":"0 0 * * * *"}}`, triggers: []project.Trigger{{Name: "t", Schedule: "0 0 * * * *"}}},
		"triggers without names": {config: `{"triggers":[{"type":"timer","config":"a"},{"type":"timer","config":"b"}]}`, triggers: []project.Trigger{{Name: "timer1", Schedule: "a"}, {Name: "timer2", Schedule: "b"}}},
		"foreign triggers":       {config: `{"triggers":[{"name":"c","type":"cos","config":"x"},{"name":"e","type":"timer"}]}`, warnings: []string{`cloudfunctions/a/config.json: triggers[0] is of type "cos" and is ignored; only timers are known`, `cloudfunctions/a/config.json: triggers[1] has no cron line in "config" and is ignored`}},
		"nulls":                  {config: `{"timeout":null,"triggers":null,"envVariables":null}`},
		"empty":                  {config: ""},
		"endless":                {config: `{"timeout":1e300}`, settings: project.Settings{Timeout: 1e9 * time.Second}},
		"less than nothing":      {config: `{"timeout":-1}`, warnings: []string{"cloudfunctions/a/config.json: timeout must be a number of seconds above 0"}},
		"broken":                 {config: "{\n  \"timeout\": 3,\n  \"triggers\": [\n}", err: "cloudfunctions/a/config.json:4:1:"},
		"a wrong type":           {config: "{\n  \"triggers\": [1]\n}", err: "cloudfunctions/a/config.json"},
		"no number":              {config: `{"timeout":"soon"}`, err: "soon is not a number"},
		"not an object":          {config: "[1]", err: "cloudfunctions/a/config.json:1:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, map[string]string{"cloudfunctions/a/index.js": code, "cloudfunctions/a/config.json": test.config, "cloudfunctions/b/index.js": code, "cloudfunctions/b/config.json": `{"timeout":3}`})
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, names(p), "a broken neighbour stops nobody")
			require.NoError(t, p.Functions[1].Err)
			require.Equal(t, 3*time.Second, p.Functions[1].Settings.Timeout)
			a := p.Functions[0]
			if test.err != "" {
				require.Equal(t, yunduo.ReasonInvalidConfig, yunduo.ReasonOf(a.Err))
				require.Contains(t, yunduo.AsError(a.Err).Message, test.err)
				return
			}
			require.NoError(t, a.Err)
			if test.settings.Env == nil {
				test.settings.Env = map[string]string{}
			}
			require.Equal(t, test.settings, a.Settings)
			require.Equal(t, test.triggers, a.Triggers)
			require.Equal(t, test.warnings, a.Warnings)
		})
	}
}

func TestLoad_CloudBase(t *testing.T) {
	json := `{
  "version": "2.0", "envId": "{{env.ENV_ID}}", "functionRoot": "./fn",
  "functionDefaultConfig": { "timeout": 5, "envVariables": { "D": "default", "S": "{{env.SECRET}}" } },
  "functions": [ { "name": "a", "timeout": "{{env.SECONDS}}", "handler": "app.run", "installDependency": true, "envVariables": { "A": "{{env.UNSET}}" },
    "triggers": [ { "name": "t", "type": "timer", "config": "0 0 2 1 * * *" } ], "type": "HTTP", "instanceConcurrencyConfig": { "dynamicEnabled": "FALSE", "maxConcurrency": "8" } } ],
  "framework": { "plugins": { "fn": { "use": "@cloudbase/framework-plugin-function", "inputs": { "servicePaths": { "a": "/a", "b": "/b" } } } } }
}`
	yaml := `
envId: "{{env.ENV_ID}}"
functionRoot: ./fn
functionDefaultConfig: {timeout: 5, envVariables: {D: default, S: "{{env.SECRET}}"}}
functions:
  - {name: a, timeout: "{{env.SECONDS}}", handler: app.run, envVariables: {A: "{{env.UNSET}}"}, type: HTTP, triggers: [{name: t, type: timer, config: "0 0 2 1 * * *"}], instanceConcurrencyConfig: {maxConcurrency: 8}}
framework: {plugins: {fn: {inputs: {servicePaths: {a: /a, b: /b}}}}}
`
	for file, text := range map[string]string{"cloudbaserc.json": json, "cloudbaserc.yaml": yaml, "cloudbaserc.yml": yaml, "cloudbaserc": json} {
		t.Run(file, func(t *testing.T) {
			dir := folder(t, "p", map[string]string{file: text, "fn/a/app.js": code, "fn/b/index.js": code, "yunduo.yaml": "routes: {/b: {function: b, auth: key}, /: b}", ".env": "ENV_ID=base\nSECONDS=9\nSECRET=file", ".env.prod": "ENV_ID=prod"})
			p, err := project.Load(dir, project.Options{Mode: "prod", Env: func(name string) (string, bool) { return "process", name == "SECRET" }})
			require.NoError(t, err)
			require.Equal(t, yunduo.AppID("prod"), p.App)
			require.Equal(t, []string{"a", "b"}, names(p))
			a := p.Functions[0]
			require.Equal(t, project.Settings{Timeout: 9 * time.Second, Handler: "app.run", Env: map[string]string{"A": "", "D": "default", "S": "process"}, Concurrency: 8}, a.Settings)
			require.Equal(t, []project.Trigger{{Name: "t", Schedule: "0 0 2 1 * * *"}}, a.Triggers)
			require.Empty(t, a.Warnings)
			require.JSONEq(t, `{"/a": {"function": "a", "auth": "public"}, "/b": {"function": "b", "auth": "key"}, "/": {"function": "b"}}`, p.Routes)
			require.Equal(t, 5*time.Second, p.Functions[1].Settings.Timeout)
			require.Equal(t, []string{file + ": the variable UNSET is not set and left empty"}, p.Warnings)
			require.Contains(t, p.Files, filepath.Join(dir, file))
		})
	}
}

func TestLoad_LaterFilesWin(t *testing.T) {
	p, err := load(t, map[string]string{
		"cloudfunctions/a/index.js":    code,
		"cloudbaserc.json":             `{"functionDefaultConfig":{"timeout":1,"envVariables":{"X":"default","D":"default"}},"functions":[{"name":"a","timeout":2,"envVariables":{"X":"entry"},"triggers":[{"name":"t","type":"timer","config":"1"}]}]}`,
		"cloudfunctions/a/config.json": `{"timeout":3,"envVariables":{"X":"config"},"triggers":[{"name":"t","type":"timer","config":"2"},{"name":"u","type":"timer","config":"3"}]}`,
		"yunduo.yaml":                  "timeout: 9\nfunctions: {a: {env: {X: yaml}, triggers: [{name: u, schedule: '4'}]}}\n",
	})
	require.NoError(t, err)
	a := p.Functions[0]
	require.Equal(t, 3*time.Second, a.Settings.Timeout)
	require.Equal(t, map[string]string{"X": "yaml", "D": "default"}, a.Settings.Env)
	require.Equal(t, []project.Trigger{{Name: "t", Schedule: "2"}, {Name: "u", Schedule: "4"}}, a.Triggers)
}

// Whatever stands in a configuration file, reading it ends with a project or with an error of the right kind.
func FuzzLoad(f *testing.F) {
	f.Add("project.config.json", `{"cloudfunctionRoot":"fn","appid":"wx"}`)
	f.Add("cloudbaserc.json", `{"envId":"{{env.A}}","functions":[{"name":"a","dir":"../..","timeout":"1e999"}]}`)
	f.Add("cloudbaserc.yaml", "a: &a [*a]\n")
	f.Add("yunduo.yaml", "functions:\n  a: {timeout: -1e308, triggers: [{}]}\n")
	f.Add("yunduo.yaml", "indexes: {a: [{fields: ['-']}]}")
	f.Add("cloudfunctions/a/config.json", `{"triggers":{"type":{}}}`)
	f.Add("cloudfunctions/a/package.json", `{"main":"../../../etc/passwd"}`)
	f.Add(".env", "A=${A}\nB='")
	f.Fuzz(func(t *testing.T, name, content string) {
		switch name {
		case "project.config.json", "cloudbaserc.json", "cloudbaserc.yaml", "yunduo.yaml", "cloudfunctions/a/config.json", "cloudfunctions/a/package.json", ".env":
		default:
			return
		}
		p, err := load(t, map[string]string{"cloudfunctions/a/index.js": code, name: content})
		if err != nil {
			require.Equal(t, yunduo.ReasonInvalidConfig, yunduo.ReasonOf(err), "%v", err)
			return
		}
		require.NoError(t, p.App.Validate())
		for _, fn := range p.Functions {
			require.GreaterOrEqual(t, fn.Settings.Timeout, time.Duration(0))
			if fn.Err != nil {
				require.Equal(t, yunduo.ReasonInvalidConfig, yunduo.ReasonOf(fn.Err))
			}
		}
	})
}

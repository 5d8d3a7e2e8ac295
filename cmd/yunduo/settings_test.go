package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestApplySettings_FlagThenEnvironmentThenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "yunduo.yaml")
	write(t, file, "listen: from-file\ndata-dir: from-file\nport: 7\n")
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"default":                 {nil, nil, "from-file"},
		"environment over file":   {nil, map[string]string{"YUNDUO_LISTEN": "from-env"}, "from-env"},
		"empty environment too":   {nil, map[string]string{"YUNDUO_LISTEN": ""}, ""},
		"flag over both":          {[]string{"--listen", "from-flag"}, map[string]string{"YUNDUO_LISTEN": "from-env"}, "from-flag"},
		"flag as the default was": {[]string{"--listen", "default"}, map[string]string{"YUNDUO_LISTEN": "from-env"}, "default"},
	} {
		t.Run(name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv(key, value)
			}
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			listen, dir, port := flags.String("listen", "default", ""), flags.String("data-dir", "default", ""), flags.Int("port", 0, "")
			require.NoError(t, flags.Parse(c.args))
			require.NoError(t, applySettings(flags, file))
			require.Equal(t, c.want, *listen)
			require.Equal(t, "from-file", *dir)
			require.Equal(t, 7, *port)
		})
	}
}

func TestApplySettings_NamesWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text, env string
		want      []string
	}{
		"unknown key":            {"lisen: x\n", "", []string{"lisen", "yunduo.yaml"}},
		"value of a wrong type":  {"port: ten\n", "", []string{"port", "ten"}},
		"variable of wrong type": {"", "ten", []string{"YUNDUO_PORT", "ten"}},
		"no YAML":                {"a: b: c", "", []string{"yunduo.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("YUNDUO_PORT", c.env)
			}
			write(t, filepath.Join(dir, "yunduo.yaml"), c.text)
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			flags.Int("port", 0, "")
			err := applySettings(flags, filepath.Join(dir, "yunduo.yaml"))
			require.Error(t, err)
			for _, text := range c.want {
				require.Contains(t, err.Error(), text)
			}
		})
	}
	require.ErrorContains(t, applySettings(pflag.NewFlagSet("test", pflag.ContinueOnError), filepath.Join(dir, "none.yaml")), "none.yaml")
}

func TestServe_NamesTheSettingThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--listen", "here"}, "listen"},
		{[]string{"serve", "--log-level", "loud"}, "log-level"},
		{[]string{"serve", "--log-format", "xml"}, "log-format"},
		{[]string{"serve", "--sandbox", "perhaps"}, "sandbox"},
		{[]string{"serve", "--config", "/none.yaml"}, "/none.yaml"},
		{[]string{"serve", "extra"}, "extra"},
		{[]string{"dev", "/none"}, "/none"},
		{[]string{"dev", "--port", "many"}, "many"},
		{[]string{"sdk", "swift"}, "swift"},
		{[]string{"explode"}, "explode"},
	} {
		t.Chdir(t.TempDir())
		_, err := run(t, c.args...)
		require.ErrorContains(t, err, c.want, c.args)
	}
}

func TestFindTarget_TakesEachSourceWhole(t *testing.T) {
	dir := t.TempDir()
	empty := t.TempDir()
	save := func(name string, value target) {
		require.NoError(t, writeJSON(filepath.Join(dir, stateDir, name), value))
	}
	dev := target{"http://dev", "dev", "dev-key"}
	login := target{"http://login", "login", "login-key"}
	save("dev.json", dev)
	got, err := findTarget(dir, target{})
	require.NoError(t, err)
	require.Equal(t, dev, got)

	save("login.json", login)
	got, err = findTarget(dir, target{})
	require.NoError(t, err)
	require.Equal(t, login, got, "what was logged in to goes before the server on this machine")

	given := target{"http://flag", "flag", "flag-key"}
	got, err = findTarget(dir, given)
	require.NoError(t, err)
	require.Equal(t, given, got)

	_, err = findTarget(dir, target{URL: "http://elsewhere"})
	require.Error(t, err, "a saved key must not go to another server")
	_, err = findTarget(empty, target{})
	require.ErrorContains(t, err, "yunduo login")

	t.Setenv("YUNDUO_API_KEY", "env-key")
	got, err = findTarget(dir, target{URL: "http://flag", App: "flag"})
	require.NoError(t, err)
	require.Equal(t, target{"http://flag", "flag", "env-key"}, got)

	write(t, filepath.Join(empty, stateDir, "login.json"), "{")
	t.Setenv("YUNDUO_API_KEY", "")
	_, err = findTarget(empty, target{})
	require.ErrorContains(t, err, "login.json")
}

func TestWriteJSON_IsForTheOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "keys.json")
	require.NoError(t, writeJSON(path, map[string]string{"apiKey": "x"}))
	require.NoError(t, writeJSON(path, map[string]string{"apiKey": "y"}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiKey":"y"}`, string(text))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, json.Valid(text))
}

func TestSpeak_FollowsTheEnvironment(t *testing.T) {
	variables := []string{"YUNDUO_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}
	for name, c := range map[string]struct {
		values [4]string
		want   language
	}{
		"nothing":                {[4]string{}, "en"},
		"locale":                 {[4]string{"", "", "", "zh_CN.UTF-8"}, "zh"},
		"other locale":           {[4]string{"", "", "", "de_DE.UTF-8"}, "en"},
		"messages over language": {[4]string{"", "", "zh_TW", "en_US"}, "zh"},
		"all over messages":      {[4]string{"", "C", "zh_CN", "zh_CN"}, "en"},
		"own variable over all":  {[4]string{"ZH", "C", "C", "C"}, "zh"},
	} {
		t.Run(name, func(t *testing.T) {
			for i, variable := range variables {
				t.Setenv(variable, c.values[i])
			}
			require.Equal(t, c.want, speak())
		})
	}
}

package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"yunduo"
)

// functionName is what may name a function.
var functionName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)

// entryNames are the files that make a folder a function.
var entryNames = []string{"index.js", "index.mjs", "index.cjs", "index.ts"}

func (l *loader) readFunctions() error {
	entries, err := os.ReadDir(l.project.FunctionsDir)
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "the functions folder %s cannot be read", filepath.Base(l.project.FunctionsDir))
	}
	named := make(map[string]cloudbaseFunction)
	for _, f := range l.cloudbase.Functions {
		named[f.Name] = f
	}
	found := make(map[string]string) // name to folder
	for _, e := range entries {
		dir := filepath.Join(l.project.FunctionsDir, e.Name())
		// A link to a folder is a function like any other.
		if strings.HasPrefix(e.Name(), ".") || e.Name() == "node_modules" || !isDir(dir) {
			continue
		}
		found[e.Name()] = dir
	}
	for name, f := range named {
		if f.Dir == "" || name == "" {
			continue
		}
		for _, dir := range []string{filepath.Join(l.project.FunctionsDir, filepath.FromSlash(f.Dir)), l.path(f.Dir)} {
			if isDir(dir) {
				found[name] = dir
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		dir := found[name]
		entry, ok := l.entry(dir, first(l.yaml.Functions[name].Handler, named[name].Handler, bootstrapped(dir)))
		if !ok {
			l.explainSkipped(name, dir)
			continue
		}
		if !functionName.MatchString(name) {
			l.warn("%s is skipped: a function's name is made of up to 64 letters, digits, '_' and '-'", name)
			continue
		}
		if !exports(entry) {
			l.warn("%s is skipped: %s exports nothing", name, path.Join(name, filepath.Base(entry)))
			continue
		}
		l.project.Functions = append(l.project.Functions, l.readFunction(name, dir, named[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if _, ok := found[name]; !ok && name != "" {
			l.warn("%s names the function %q, which has no folder in %s", l.cloudbase.file, name, filepath.Base(l.project.FunctionsDir))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.yaml.Functions)) {
		if _, ok := found[name]; !ok {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: functions.%s has no folder in %s", yamlName, name, filepath.Base(l.project.FunctionsDir))
		}
	}
	return nil
}

// explainSkipped warns of a folder that looks like functions at a depth where they are not found.
func (l *loader) explainSkipped(name, dir string) {
	inner, err := filepath.Glob(filepath.Join(dir, "*", "index.js"))
	if err == nil && len(inner) > 0 {
		l.warn("%s is skipped: functions lie directly in %s, and this folder holds %s", name, filepath.Base(l.project.FunctionsDir), path.Join(name, filepath.Base(filepath.Dir(inner[0]))))
	}
}

// entry returns the file that makes a folder a function.
func (l *loader) entry(dir, handler string) (string, bool) {
	var candidates []string
	if file, _, ok := strings.Cut(handler, "."); ok && file != "" {
		for _, name := range entryNames {
			candidates = append(candidates, file+path.Ext(name))
		}
	}
	candidates = append(candidates, entryNames...)
	var manifest struct {
		Main string `json:"main"`
	}
	if data, err := os.ReadFile(filepath.Join(dir, "package.json")); err == nil && json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &manifest) == nil && manifest.Main != "" {
		candidates = append(candidates, manifest.Main, manifest.Main+".js", path.Join(manifest.Main, "index.js"))
	}
	for _, name := range candidates {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, true
		}
	}
	return "", false
}

// exports reports whether a file may export something. An empty one, or one that is broken while somebody types, is
// a function too: its error is worth seeing.
func exports(file string) bool {
	data, err := os.ReadFile(file)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return true
	}
	return bytes.Contains(data, []byte("export")) || bytes.Contains(data, []byte(".listen("))
}

var bootstrapLine = regexp.MustCompile(`(?m)^[^#\n]*\bnode\s+(?:\./)?([\w./-]+)\.[cm]?js\b`)

// bootstrapped returns the handler that the start script of a web function names, empty if there is none.
func bootstrapped(dir string) string {
	script, err := os.ReadFile(filepath.Join(dir, "scf_bootstrap"))
	if err != nil {
		return ""
	}
	if m := bootstrapLine.FindSubmatch(script); m != nil {
		return string(m[1]) + ".main"
	}
	return ""
}

// readFunction puts together what the files say about one function. The later ones win: defaults of cloudbaserc, its
// entry for the function, config.json in the folder, yunduo.yaml.
func (l *loader) readFunction(name, dir string, named cloudbaseFunction) Function {
	f := Function{Name: name, Dir: dir, Settings: Settings{Env: make(map[string]string)}}
	f.apply(l.cloudbase.FunctionDefaultConfig, l.cloudbase.file)
	f.apply(named, l.cloudbase.file)
	f.applyYAML(yamlFunction{Timeout: l.yaml.Timeout, Env: l.yaml.Env})
	shown := path.Join(filepath.Base(l.project.FunctionsDir), name, "config.json")
	file := filepath.Join(dir, "config.json")
	l.project.Files = append(l.project.Files, file)
	var own cloudbaseFunction
	data, err := readFile(file, shown)
	if err == nil && len(data) > 0 {
		err = decodeJSON(data, shown, &own)
	}
	if err != nil {
		f.Err = err
	} else {
		f.apply(own, shown)
	}
	f.applyYAML(l.yaml.Functions[name])
	if f.Settings.Handler == "" {
		f.Settings.Handler = bootstrapped(dir)
	}
	return f
}

func (f *Function) warn(format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

func (f *Function) apply(c cloudbaseFunction, file string) {
	if c.Timeout > 0 {
		f.Settings.Timeout = seconds(float64(c.Timeout))
	} else if c.Timeout < 0 {
		f.warn("%s: timeout must be a number of seconds above 0", file)
	}
	f.Settings.Handler = first(c.Handler, f.Settings.Handler)
	f.Settings.Description = first(c.Description, f.Settings.Description)
	maps.Copy(f.Settings.Env, c.EnvVariables)
	if c.Concurrency.Max > 0 {
		f.Settings.Concurrency = int(c.Concurrency.Max)
	}
	switch strings.ToLower(c.Type) {
	case "", "event", "http": // whether the code is a server shows when it is loaded
	default:
		f.warn("%s: type %q is not supported here; the function runs as an event function", file, c.Type)
	}
	for i, t := range c.Triggers {
		switch {
		case t.Type != "" && t.Type != "timer":
			f.warn("%s: triggers[%d] is of type %q and is ignored; only timers are known", file, i, t.Type)
		case strings.TrimSpace(t.Config) == "":
			f.warn("%s: triggers[%d] has no cron line in \"config\" and is ignored", file, i)
		default:
			f.addTrigger(Trigger{Name: first(t.Name, fmt.Sprintf("timer%d", i+1)), Schedule: t.Config})
		}
	}
}

func (f *Function) applyYAML(y yamlFunction) {
	if y.Timeout > 0 {
		f.Settings.Timeout = seconds(y.Timeout)
	} else if y.Timeout < 0 {
		f.warn("%s: timeout must be a number of seconds above 0", yamlName)
	}
	f.Settings.Handler = first(y.Handler, f.Settings.Handler)
	f.Settings.Description = first(y.Description, f.Settings.Description)
	maps.Copy(f.Settings.Env, y.Env)
	if y.Concurrency > 0 {
		f.Settings.Concurrency = y.Concurrency
	}
	f.Settings.Unbundled = f.Settings.Unbundled || y.Unbundled
	f.Settings.OfficialSDK = f.Settings.OfficialSDK || y.OfficialSDK
	f.Settings.Serves = f.Settings.Serves || y.HTTP
	if y.Schema != nil {
		text, err := json.Marshal(y.Schema)
		if err != nil {
			f.Err = yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: functions.%s.schema cannot be JSON: %s", yamlName, f.Name, err)
		}
		f.Settings.Schema = string(text)
	}
	for i, t := range y.Triggers {
		if strings.TrimSpace(t.Schedule) == "" {
			f.warn("%s: functions.%s.triggers[%d] has no schedule and is ignored", yamlName, f.Name, i)
			continue
		}
		f.addTrigger(Trigger{Name: first(t.Name, fmt.Sprintf("timer%d", i+1)), Schedule: t.Schedule, TimeZone: t.TimeZone})
	}
}

// addTrigger adds a trigger, or replaces the one of the same name that an earlier file gave.
func (f *Function) addTrigger(t Trigger) {
	for i := range f.Triggers {
		if f.Triggers[i].Name == t.Name {
			f.Triggers[i] = t
			return
		}
	}
	f.Triggers = append(f.Triggers, t)
}

// seconds turns a number of seconds into a duration, without overflow.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 1e9) * float64(time.Second))
}

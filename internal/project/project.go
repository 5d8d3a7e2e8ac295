// Package project reads the folder of an existing mini-program project: which functions it has, and what its
// configuration files say about them. It understands project.config.json, cloudbaserc and yunduo.yaml as they are.
package project

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"yunduo"
)

// Project is what a folder says.
type Project struct {
	Dir            string // absolute
	App            yunduo.AppID
	WeChatAppID    string
	FunctionsDir   string     // absolute; the folder with one folder per function
	MiniprogramDir string     // absolute; empty if not named
	HostingDir     string     // absolute; folder of static files, empty for none
	Functions      []Function // by name
	// Rules are the security rules by collection: JSON, or the name of a preset. StorageRules are those of files,
	// FunctionRules those of calls.
	Rules         map[string]string
	StorageRules  string
	FunctionRules string
	// Routes say which HTTP paths lead to which function, as functions.ParseRoutes reads them; empty if none is stated.
	Routes   string
	Indexes  []Index
	Files    []string // the configuration files that were read, absolute
	Warnings []string
}

// Function is one function folder with its settings.
type Function struct {
	Name     string
	Dir      string // absolute
	Settings Settings
	Triggers []Trigger
	Warnings []string
	// Err tells what is wrong with this function's configuration. Settings hold what could be read.
	Err error
}

// Settings are what configuration may say about a function. Zero values mean the platform's defaults.
type Settings struct {
	Timeout     time.Duration
	Handler     string // file and export: "index.main"
	Env         map[string]string
	Concurrency int    // requests that one slot may serve at once
	Unbundled   bool   // run from the folder
	Schema      string // JSON Schema of the event; empty for none
	Serves      bool   // the exported function takes HTTP requests, not events
	OfficialSDK bool   // take wx-server-sdk and its kind from npm
	Description string
}

// Trigger invokes a function on a schedule.
type Trigger struct {
	Name     string
	Schedule string // cron line, five to seven fields
	TimeZone string // IANA name; empty is the platform's default
}

// Index is a secondary index of a collection.
type Index struct {
	Collection         string
	Name               string
	Fields             []IndexField
	Unique             bool
	Sparse             bool
	ExpireAfterSeconds int64
	PartialFilter      string // EJSON; empty is none
	Collation          string // JSON; empty is by bytes
}

// IndexField is one component of an index.
type IndexField struct {
	Path       string
	Descending bool
	Kind       string // "2dsphere", "hashed" or empty
}

// Options say how to read a project.
type Options struct {
	// Mode picks .env.MODE beside .env.
	Mode string
	// Env looks up environment variables, which win over .env files; os.LookupEnv by default.
	Env func(name string) (string, bool)
	// Node runs configurations that are programs; node from PATH by default.
	Node string
}

// Load reads the project in dir. Errors, all invalid_config, name the file, and the line where there is one. What is
// wrong with a single function is in its Err, and does not keep the others from being read.
func Load(dir string, o Options) (*Project, error) {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "the project folder %s cannot be read", dir)
	}
	if info, err := os.Stat(abs); err != nil || !info.IsDir() {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "there is no project folder %s", dir)
	}
	l := &loader{project: &Project{Dir: abs}, options: o}
	if err := l.load(); err != nil {
		return nil, err
	}
	return l.project, nil
}

// loader reads one project.
type loader struct {
	project *Project
	options Options
	vars    map[string]string // of .env files

	wechat    wechatConfig
	cloudbase cloudbaseConfig
	yaml      yamlConfig
}

func (l *loader) load() error {
	for _, read := range []func() error{l.readEnvFiles, l.readWeChat, l.readCloudBase, l.readYAML, l.findRoot, l.nameApp, l.readFunctions} {
		if err := read(); err != nil {
			return err
		}
	}
	return l.finish()
}

// path returns a path of a configuration file as an absolute one.
func (l *loader) path(name string) string {
	name = filepath.FromSlash(strings.TrimSpace(name))
	if filepath.IsAbs(name) {
		// Some projects write "/cloudfunctions" and mean the project's own folder.
		if _, err := os.Stat(filepath.Join(l.project.Dir, name)); err == nil {
			return filepath.Join(l.project.Dir, name)
		}
		return filepath.Clean(name)
	}
	return filepath.Join(l.project.Dir, name)
}

// findRoot decides where the functions are: what a file says, else the usual folders.
func (l *loader) findRoot() error {
	var missing error
	for _, said := range []struct{ file, key, value string }{
		{yamlName, "functionRoot", l.yaml.FunctionRoot},
		{l.cloudbase.file, "functionRoot", l.cloudbase.FunctionRoot},
		{wechatName, "cloudfunctionRoot", l.wechat.CloudFunctionRoot},
	} {
		if said.value == "" {
			continue
		}
		if dir := l.path(said.value); isDir(dir) {
			l.project.FunctionsDir = dir
			if missing != nil {
				l.warn("%s; %s is used instead", yunduo.AsError(missing).Message, said.value)
			}
			return nil
		}
		if missing == nil {
			missing = yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: %s names the folder %q, which does not exist", said.file, said.key, said.value)
		}
	}
	if missing != nil {
		return missing
	}
	for _, usual := range []string{"cloudfunctions", "functions"} {
		if dir := filepath.Join(l.project.Dir, usual); isDir(dir) {
			l.project.FunctionsDir = dir
			return nil
		}
	}
	return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s has no functions: there is no folder cloudfunctions, and neither %s (cloudfunctionRoot) nor cloudbaserc.json nor %s (functionRoot) names another", filepath.Base(l.project.Dir), wechatName, yamlName)
}

// nameApp decides which app the project is: what a file says, else a name made of the folder's.
func (l *loader) nameApp() error {
	if app := l.yaml.App; app != "" {
		if err := yunduo.AppID(app).Validate(); err != nil {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: app: %s", yamlName, yunduo.AsError(err).Message)
		}
		l.project.App = yunduo.AppID(app)
	} else if env := l.cloudbase.EnvID; env != "" {
		l.project.App = normalise(env)
		if string(l.project.App) != env {
			l.warn("%s: envId %q cannot name an app, so it is called %q", l.cloudbase.file, env, l.project.App)
		}
	} else {
		l.project.App = normalise(filepath.Base(l.project.Dir))
	}
	l.project.WeChatAppID = first(l.yaml.WeChatAppID, l.wechatAppID())
	return nil
}

// wechatAppID returns the WeChat app of the developer tools' file. Published projects often have a text in its place
// that asks for one; such a project runs without.
func (l *loader) wechatAppID() string {
	id := strings.TrimSpace(l.wechat.AppID)
	if !wechatAppID.MatchString(id) {
		l.warn("%s: appid %q is no WeChat app ID and is ignored", wechatName, l.wechat.AppID)
		return ""
	}
	return id
}

// normalise makes a valid app ID of any text.
func normalise(text string) yunduo.AppID {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		if ('a' <= r && r <= 'z') || ('0' <= r && r <= '9') {
			b.WriteRune(r)
		} else if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
			b.WriteByte('-')
		}
	}
	id := b.String()
	id = strings.Trim(id[:min(len(id), 48)], "-")
	if id == "" {
		id = "app"
	}
	return yunduo.AppID(id)
}

func (l *loader) finish() error {
	p := l.project
	if l.wechat.MiniprogramRoot != "" {
		if dir := l.path(l.wechat.MiniprogramRoot); isDir(dir) {
			p.MiniprogramDir = dir
		}
	}
	if l.yaml.Hosting != "" {
		if p.HostingDir = l.path(l.yaml.Hosting); !isDir(p.HostingDir) {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: hosting names the folder %q, which does not exist", yamlName, l.yaml.Hosting)
		}
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

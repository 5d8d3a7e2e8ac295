package project_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/internal/project"
)

// folder writes files below a new folder of the given name and returns it.
func folder(t testing.TB, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func noEnv(string) (string, bool) { return "", false }

func load(t testing.TB, files map[string]string) (*project.Project, error) {
	t.Helper()
	return project.Load(folder(t, "My Project_2", files), project.Options{Env: noEnv})
}

func names(p *project.Project) []string {
	list := []string{}
	for _, f := range p.Functions {
		list = append(list, f.Name)
	}
	return list
}

const code = "exports.main = async () => 1"

func TestLoad_Functions(t *testing.T) {
	tests := map[string]struct {
		files    map[string]string
		names    []string
		warnings []string
	}{
		"the usual folder":         {map[string]string{"cloudfunctions/b/index.js": code, "cloudfunctions/a/index.js": code}, []string{"a", "b"}, nil},
		"every kind of entry":      {map[string]string{"cloudfunctions/a/index.ts": "export const main = 1", "cloudfunctions/b/index.mjs": "export const main = 1", "cloudfunctions/c/package.json": `{"main":"src/app"}`, "cloudfunctions/c/src/app.js": code}, []string{"a", "b", "c"}, nil},
		"what is none":             {map[string]string{"cloudfunctions/a/index.js": code, "cloudfunctions/readme.md": "x", "cloudfunctions/.cache/index.js": code, "cloudfunctions/node_modules/index.js": code, "cloudfunctions/empty/x.txt": ""}, []string{"a"}, nil},
		"one that is being typed":  {map[string]string{"cloudfunctions/a/index.js": ""}, []string{"a"}, nil},
		"one that exports nothing": {map[string]string{"cloudfunctions/a/index.js": "console.log(1)"}, []string{}, []string{"a is skipped: a/index.js exports nothing"}},
		"a name that is none":      {map[string]string{"cloudfunctions/云/index.js": code, "cloudfunctions/a/index.js": code}, []string{"a"}, []string{"云 is skipped: a function's name is made of up to 64 letters, digits, '_' and '-'"}},
		"one level only":           {map[string]string{"cloudfunctions/group/inner/index.js": code, "cloudfunctions/a/index.js": code}, []string{"a"}, []string{"group is skipped: functions lie directly in cloudfunctions, and this folder holds group/inner"}},
		"the developer tools'":     {map[string]string{"project.config.json": `{"cloudfunctionRoot":"cloud/fn/", /* c */}`, "cloud/fn/a/index.js": code, "cloudfunctions/other/index.js": code}, []string{"a"}, nil},
		"from the project's root":  {map[string]string{"project.config.json": `{"cloudfunctionRoot":"/cloud"}`, "cloud/a/index.js": code}, []string{"a"}, nil},
		"the CLI's":                {map[string]string{"cloudbaserc.json": `{"functionRoot":"./server"}`, "project.config.json": `{"cloudfunctionRoot":"cloud"}`, "server/a/index.js": code, "cloud/b/index.js": code}, []string{"a"}, nil},
		"a root that is gone":      {map[string]string{"cloudbaserc.json": `{"functionRoot":"gone"}`, "project.config.json": `{"cloudfunctionRoot":"cloud"}`, "cloud/b/index.js": code}, []string{"b"}, []string{`cloudbaserc.json: functionRoot names the folder "gone", which does not exist; cloud is used instead`}},
		"the platform's":           {map[string]string{"yunduo.yaml": "functionRoot: mine", "cloudbaserc.json": `{"functionRoot":"./server"}`, "mine/a/index.js": code, "server/b/index.js": code}, []string{"a"}, nil},
		"folders the CLI names":    {map[string]string{"cloudbaserc.json": `{"functions":[{"name":"api","dir":"./src/api"},{"name":"gone"}]}`, "functions/a/index.js": code, "src/api/index.js": code}, []string{"a", "api"}, []string{`cloudbaserc.json names the function "gone", which has no folder in functions`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, test.files)
			require.NoError(t, err)
			require.Equal(t, test.names, names(p))
			require.Equal(t, test.warnings, p.Warnings)
			for _, f := range p.Functions {
				require.True(t, filepath.IsAbs(f.Dir))
			}
		})
	}
}

func TestLoad_App(t *testing.T) {
	fn := map[string]string{"cloudfunctions/a/index.js": code}
	tests := map[string]struct {
		files  map[string]string
		app    yunduo.AppID
		wechat string
	}{
		"the folder's name":  {nil, "my-project-2", ""},
		"the environment":    {map[string]string{"cloudbaserc.json": `{"envId":"prod-4g2f"}`}, "prod-4g2f", ""},
		"an odd environment": {map[string]string{"cloudbaserc.json": `{"envId":"Prod_4G"}`}, "prod-4g", ""},
		"the platform's":     {map[string]string{"yunduo.yaml": "app: notes\nwechatAppId: wx2", "cloudbaserc.json": `{"envId":"prod"}`, "project.config.json": `{"appid":"wx1"}`}, "notes", "wx2"},
		"the WeChat app":     {map[string]string{"project.config.json": `{"appid":"wx1"}`}, "my-project-2", "wx1"},
		"a placeholder":      {map[string]string{"project.config.json": `{"appid":"your appid here"}`}, "my-project-2", ""},
		"an untidy one":      {map[string]string{"project.config.json": `{"appid":" wx1 "}`}, "my-project-2", "wx1"},
		"a template":         {map[string]string{"cloudbaserc.json": `{"envId":"{{ env.ENV_ID }}"}`, ".env": "ENV_ID=from-file"}, "from-file", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, m := range []map[string]string{fn, test.files} {
				for k, v := range m {
					files[k] = v
				}
			}
			p, err := load(t, files)
			require.NoError(t, err)
			require.Equal(t, test.app, p.App)
			require.NoError(t, p.App.Validate())
			require.Equal(t, test.wechat, p.WeChatAppID)
		})
	}
}

func TestLoad_WeChatPlaceholderWarns(t *testing.T) {
	p, err := load(t, map[string]string{"cloudfunctions/a/index.js": code, "project.config.json": `{"appid":"your appid here"}`})
	require.NoError(t, err)
	require.Equal(t, []string{`project.config.json: appid "your appid here" is no WeChat app ID and is ignored`}, p.Warnings)
}

func TestLoad_AppFromAnyFolder(t *testing.T) {
	for folderName, app := range map[string]yunduo.AppID{"云朵": "app", "--x--": "x", "a..b": "a-b", "A Long Name That Goes On And On Far Beyond What Fits In An ID": "a-long-name-that-goes-on-and-on-far-beyond-what", "小程序demo": "demo"} {
		p, err := project.Load(folder(t, folderName, map[string]string{"cloudfunctions/a/index.js": code}), project.Options{Env: noEnv})
		require.NoError(t, err)
		require.Equal(t, app, p.App)
		require.NoError(t, p.App.Validate())
	}
}

// A configuration may be a program, which sees the .env files and may print what it likes.
func TestLoad_ConfigurationThatIsAProgram(t *testing.T) {
	for name, text := range map[string]string{
		"cloudbaserc.js":      `console.log('{"envId":"printed"}'); module.exports = { envId: process.env.PROJECT_ENV, functionRoot: './fns', functions: [{ name: 'a', timeout: 2 + 3, envVariables: { WORD: '{{env.WORD}}' } }] }`,
		"cloudbase.config.js": `exports.default = async () => ({ envId: process.env.PROJECT_ENV, functionRoot: require('./root'), functions: [{ name: 'a', timeout: 5, envVariables: { WORD: process.env.WORD } }] })`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, map[string]string{name: text, "root.js": "module.exports = 'fns'", ".env": "PROJECT_ENV=of-the-program\nWORD=hello\n", "fns/a/index.js": code})
			require.NoError(t, err)
			require.Equal(t, yunduo.AppID("of-the-program"), p.App)
			require.Len(t, p.Functions, 1)
			require.Equal(t, 5*time.Second, p.Functions[0].Settings.Timeout)
			require.Equal(t, map[string]string{"WORD": "hello"}, p.Functions[0].Settings.Env)
		})
	}
}

func TestLoad_Refused(t *testing.T) {
	tests := map[string]struct {
		files   map[string]string
		message string
	}{
		"nothing":                {map[string]string{"app.js": ""}, "there is no folder cloudfunctions"},
		"a missing root":         {map[string]string{"project.config.json": `{"cloudfunctionRoot":"cloud/"}`}, `project.config.json: cloudfunctionRoot names the folder "cloud/"`},
		"TypeScript":             {map[string]string{"cloudbaserc.ts": "export default {}", "cloudfunctions/a/index.js": code}, "cloudbaserc.ts is TypeScript"},
		"a program that throws":  {map[string]string{"cloudbaserc.js": "throw new Error('no way')", "cloudfunctions/a/index.js": code}, "cloudbaserc.js cannot be run with Node.js: no way"},
		"a program of nothing":   {map[string]string{"cloudbaserc.js": "module.exports = [1]", "cloudfunctions/a/index.js": code}, "cloudbaserc.js gives no object"},
		"a program that leaves":  {map[string]string{"cloudbaserc.js": "process.exit(0)", "cloudfunctions/a/index.js": code}, "cloudbaserc.js cannot be run"},
		"broken JSON":            {map[string]string{"cloudbaserc.json": "{\n  \"envId\": \"x\"\n  \"functions\": []\n}"}, "cloudbaserc.json:3:3:"},
		"a wrong type":           {map[string]string{"cloudbaserc.json": "{\n  \"functions\": {}\n}"}, "cloudbaserc.json:2:"},
		"broken project file":    {map[string]string{"project.config.json": "{\"appid\": }"}, "project.config.json:1:"},
		"an unknown key":         {map[string]string{"yunduo.yaml": "app: x\nfunktions: {}\n"}, "yunduo.yaml:2: unknown key funktions"},
		"an unknown inner key":   {map[string]string{"yunduo.yaml": "functions:\n  a:\n    time: 3\n"}, "yunduo.yaml:3: unknown key time"},
		"a wrong YAML type":      {map[string]string{"yunduo.yaml": "timeout: soon\n"}, "yunduo.yaml:1: a text (soon) stands where a number is expected"},
		"broken YAML":            {map[string]string{"yunduo.yaml": "app: x\n  y: [\n"}, "yunduo.yaml:2:"},
		"a broken app name":      {map[string]string{"yunduo.yaml": "app: Not OK\n", "cloudfunctions/a/index.js": code}, `yunduo.yaml: app: "Not OK"`},
		"an unknown function":    {map[string]string{"yunduo.yaml": "functions: {b: {timeout: 1}}\n", "cloudfunctions/a/index.js": code}, "functions.b has no folder"},
		"an index of nothing":    {map[string]string{"yunduo.yaml": "indexes: {notes: [{name: x}]}\n"}, "indexes.notes[0] names no fields"},
		"a hosting that is gone": {map[string]string{"yunduo.yaml": "hosting: web\n", "cloudfunctions/a/index.js": code}, `hosting names the folder "web"`},
		"a broken .env":          {map[string]string{".env": "what is this\n"}, ".env: a line is not NAME=value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.files)
			require.Equal(t, yunduo.ReasonInvalidConfig, yunduo.ReasonOf(err))
			require.Contains(t, yunduo.AsError(err).Message, test.message)
		})
	}
	_, err := project.Load(filepath.Join(t.TempDir(), "gone"), project.Options{})
	require.Equal(t, yunduo.ReasonInvalidConfig, yunduo.ReasonOf(err))
}

func TestLoad_YAML(t *testing.T) {
	p, err := load(t, map[string]string{
		"cloudfunctions/a/index.js": code, "web/index.html": "", ".env": "REGION=north\nexport QUOTED=\"a b\"",
		"yunduo.yaml": `
app: notes
hosting: web
timeout: 20
env: {REGION: "{{env.REGION}}", Q: "<{{ env.QUOTED }}>"}
functions:
  a: {timeout: 1.5, handler: index.run, env: {PAGE: "20"}, concurrency: 4, unbundled: true, officialSdk: true, triggers: [{name: nightly, schedule: "0 0 3 * * * *", timeZone: Asia/Shanghai}, {schedule: "0 * * * *"}, {name: none}]}
rules:
  notes: {read: true, write: "doc._openid == auth.openid"}
  open: READONLY
storageRules: {read: true}
indexes:
  notes: [{fields: [_openid, -createdAt], unique: true, expireAfterSeconds: 60, collation: {locale: zh, strength: 1}}]
`})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(p.Dir, "web"), p.HostingDir)
	f := p.Functions[0]
	require.Equal(t, project.Settings{Timeout: 1500 * time.Millisecond, Handler: "index.run", Env: map[string]string{"REGION": "north", "Q": "<a b>", "PAGE": "20"}, Concurrency: 4, Unbundled: true, OfficialSDK: true}, f.Settings)
	require.Equal(t, []project.Trigger{{Name: "nightly", Schedule: "0 0 3 * * * *", TimeZone: "Asia/Shanghai"}, {Name: "timer2", Schedule: "0 * * * *"}}, f.Triggers)
	require.Equal(t, []string{"yunduo.yaml: functions.a.triggers[2] has no schedule and is ignored"}, f.Warnings)
	require.JSONEq(t, `{"read":true,"write":"doc._openid == auth.openid"}`, p.Rules["notes"])
	require.Equal(t, "READONLY", p.Rules["open"])
	require.JSONEq(t, `{"read":true}`, p.StorageRules)
	require.Equal(t, []project.Index{{Collection: "notes", Fields: []project.IndexField{{Path: "_openid"}, {Path: "createdAt", Descending: true}}, Unique: true, ExpireAfterSeconds: 60, Collation: `{"locale":"zh","strength":1}`}}, p.Indexes)
}

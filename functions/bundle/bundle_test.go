package bundle_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo"
	"yunduo/functions/bundle"
)

// folder writes files below a new folder and returns it.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "fn")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return dir
}

func builder(t testing.TB) *bundle.Builder {
	t.Helper()
	b, err := bundle.NewBuilder(bundle.BuilderOptions{CacheDir: t.TempDir()})
	require.NoError(t, err)
	return b
}

func build(t testing.TB, files map[string]string) *bundle.Bundle {
	t.Helper()
	b, err := builder(t).Build(t.Context(), folder(t, files), bundle.Options{})
	require.NoError(t, err)
	return b
}

// harness loads a bundle in Node.js much as the runtime does, and prints what main returns for {"n":2}. The SDK is
// replaced by an object that tells its name.
const harness = `
const path = require('path'), fs = require('fs'), Module = require('module')
const [dir, mode, entry] = process.argv.slice(1)
process.chdir(dir)
const resolve = Module._resolveFilename, load = Module._load
Module._load = function (name, ...rest) { return name === 'wx-server-sdk' ? { sdk: 'platform' } : load.call(this, name, ...rest) }
Module._resolveFilename = function (name, parent, ...rest) {
  try { return resolve.call(this, name, parent, ...rest) } catch (e) {
    if (/^[./]/.test(name)) throw e
    try { return resolve.call(this, path.join(dir, name), parent, ...rest) } catch { throw e }
  }
}
const file = path.join(dir, entry)
let loaded
if (mode === 'unbundled') loaded = require(file)
else {
  const m = { exports: {} }
  const code = fs.readFileSync(0, 'utf8')
  new Function('exports', 'require', 'module', '__filename', '__dirname', code).call(m.exports, m.exports, Module.createRequire(file), m, file, path.dirname(file))
  loaded = m.exports
}
Promise.resolve(loaded.main({ n: 2 }, {})).then(r => console.log(JSON.stringify(r === undefined ? null : r)), e => { console.log(JSON.stringify({ error: String(e.message) })) })
`

// run executes a bundle in Node.js and returns what its main returned.
func run(t testing.TB, b *bundle.Bundle) any {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	require.NoError(t, b.Materialize(dir))
	cmd := exec.CommandContext(t.Context(), "node", "-e", harness, "--", dir, string(b.Mode), b.Entry)
	cmd.Stdin = bytes.NewReader(b.Code)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var result any
	require.NoError(t, json.Unmarshal(out, &result), "%s", out)
	return result
}

func TestBuild_Runs(t *testing.T) {
	tests := map[string]struct {
		files  map[string]string
		result any
		mode   bundle.Mode
		folder bool
	}{
		"a single file": {
			files:  map[string]string{"index.js": "const cloud = require('wx-server-sdk')\nexports.main = async (event) => [cloud.sdk, event.n, '云']"},
			result: []any{"platform", 2.0, "云"}, mode: bundle.ModeBundled,
		},
		"own files, data and a cycle": {
			files: map[string]string{
				"index.js": "exports.early = 1\nconst a = require('./a'), data = require('./data')\nexports.main = () => [a.sum(), data.rows.length]",
				"a.js":     "const index = require('./index')\nexports.sum = () => index.early + 1", "data.json": `{"rows":[1,2,3]}`,
			},
			result: []any{2.0, 3.0}, mode: bundle.ModeBundled,
		},
		"own files by bare name": {
			files: map[string]string{
				"index.js": "const { title } = require('settings')\nconst { twice } = require('lib/math.js')\nexports.main = ({ n }) => [title, twice(n)]", "settings.js": "module.exports = { title: 'own' }", "lib/math.js": "exports.twice = n => n * 2",
			},
			result: []any{"own", 4.0}, mode: bundle.ModeBundled,
		},
		"a computed require": {
			files:  map[string]string{"index.js": "const s = require(['set', 'tings'].join(''))\nexports.main = () => s.title", "settings.js": "exports.title = 'own'"},
			result: "own", mode: bundle.ModeUnbundled, folder: true,
		},
		"a computed path": {
			files:  map[string]string{"index.js": "exports.main = ({ n }) => require('./actions/' + n).name", "actions/2.js": "exports.name = 'two'"},
			result: "two", mode: bundle.ModeUnbundled, folder: true,
		},
		"files beside the code": {
			files: map[string]string{
				"index.js": "const fs = require('fs'), path = require('path')\nexports.main = () => fs.readFileSync(path.join(__dirname, 'data', 'words.txt'), 'utf8') + fs.readFileSync('data/words.txt', 'utf8')", "data/words.txt": "云",
			},
			result: "云云", mode: bundle.ModeBundled, folder: true,
		},
		"a helper that asks where it lies": {
			files:  map[string]string{"index.js": "exports.main = require('./lib/where').where", "lib/where.js": "exports.where = () => require('path').basename(__dirname)"},
			result: "lib", mode: bundle.ModeUnbundled, folder: true,
		},
		"TypeScript": {
			files: map[string]string{
				"index.ts": "import * as cloud from 'wx-server-sdk'\nimport { area, type Shape } from './shapes'\nenum Unit { Metre = 'm' }\nexport async function main(event: { n: number }): Promise<unknown> { const s: Shape = { side: event.n }; return [(cloud as any).sdk, area(s), Unit.Metre] }", "shapes.ts": "export type Shape = { side: number }\nexport const area = (s: Shape): number => s.side ** 2",
				"tsconfig.json": `{ "compilerOptions": { "strict": true, } } // as generated`,
			},
			result: []any{"platform", 4.0, "m"}, mode: bundle.ModeBundled,
		},
		"ES modules": {
			files:  map[string]string{"index.mjs": "import { twice } from './twice.mjs'\nexport const main = ({ n }) => twice(n)", "twice.mjs": "export const twice = n => n * 2"},
			result: 4.0, mode: bundle.ModeBundled,
		},
		"TypeScript that looks into the module system": {
			files:  map[string]string{"index.ts": "export const main = (event: any) => require(['.', 'lib', 'x.js'].join('/')).x + twice(event.n)\nimport { twice } from './twice'", "twice.ts": "export const twice = (n: number) => n * 2", "lib/x.js": "exports.x = 1"},
			result: 5.0, mode: bundle.ModeUnbundled, folder: true,
		},
		"a main file of package.json": {
			files:  map[string]string{"package.json": `{"main":"src/app"}`, "src/app.js": "exports.main = () => require('../shared').x", "shared.js": "exports.x = 7"},
			result: 7.0, mode: bundle.ModeBundled,
		},
		"sloppy mode": {
			files:  map[string]string{"index.js": "exports.main = () => { undeclared = 1; return [(function () { return this !== undefined })(), undeclared, 010] }"},
			result: []any{true, 1.0, 8.0}, mode: bundle.ModeBundled,
		},
		"sloppy helpers of strict TypeScript": {
			files:  map[string]string{"index.ts": "const old = require('./old')\nexport const main = () => old()", "old.js": "module.exports = () => { undeclared = 3; return undeclared }", "tsconfig.json": `{"compilerOptions":{"strict":true,"alwaysStrict":true}}`},
			result: 3.0, mode: bundle.ModeBundled,
		},
		"old builtins": {
			files:  map[string]string{"index.js": "for (const n of ['a']) { require('repl'); require('constants'); require('punycode'); require('node:fs/promises') }\nexports.main = () => 'ok'"},
			result: "ok", mode: bundle.ModeBundled, folder: true,
		},
		"a committed package": {
			files: map[string]string{
				"index.js": "const greet = require('greet'), { shout } = require('greet/lib/shout')\nexports.main = () => shout(greet('yun'))", "package.json": `{"dependencies":{"greet":"1.0.0"}}`,
				"node_modules/greet/package.json": `{"name":"greet","version":"1.0.0","main":"main.js"}`, "node_modules/greet/main.js": "module.exports = n => 'hello ' + n", "node_modules/greet/lib/shout.js": "exports.shout = s => s.toUpperCase()",
			},
			result: "HELLO YUN", mode: bundle.ModeBundled,
		},
		"a package that reads its own files": {
			files: map[string]string{
				"index.js": "exports.main = require('font')", "node_modules/font/index.js": "module.exports = () => require('fs').readFileSync(__dirname + '/a.ttf', 'utf8')", "node_modules/font/a.ttf": "glyphs",
			},
			result: "glyphs", mode: bundle.ModeUnbundled, folder: true,
		},
		"a package with a file no compiler knows": {
			files: map[string]string{
				"index.js": "exports.main = require('odd')", "node_modules/odd/index.js": "module.exports = () => { try { return require('./x.weird') } catch (e) { return 'caught' } }", "node_modules/odd/x.weird": "module.exports = 'weird'",
			},
			result: "weird", mode: bundle.ModeUnbundled, folder: true,
		},
		"a byte order mark and a hash bang": {
			files:  map[string]string{"index.js": "#!/usr/bin/env node\nexports.main = () => require('./b')", "b.js": "\xef\xbb\xbfmodule.exports = 1"},
			result: 1.0, mode: bundle.ModeBundled,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := build(t, test.files)
			require.Equal(t, test.mode, b.Mode, "%s", b.Reason)
			require.Equal(t, test.folder, b.NeedsFolder)
			require.Equal(t, test.result, run(t, b))
		})
	}
}

func TestBuild_MissingFailsWhenCalled(t *testing.T) {
	tests := map[string]struct {
		files         map[string]string
		warning, call string
	}{
		"a package": {
			files:   map[string]string{"index.js": "exports.main = () => { try { return require('no-such-package-of-anyone') } catch (e) { return e.code + ' ' + e.message.split('\\n')[0] } }"},
			warning: `index.js requires "no-such-package-of-anyone"`, call: "MODULE_NOT_FOUND Cannot find module 'no-such-package-of-anyone'",
		},
		"an own file": {
			files:   map[string]string{"index.js": "exports.main = () => { try { return require('./private/keys') } catch (e) { return e.code + ' ' + e.message.split('\\n')[0] } }"},
			warning: "index.js requires ./private/keys", call: "MODULE_NOT_FOUND Cannot find module './private/keys'",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := build(t, test.files)
			require.Len(t, b.Warnings, 1)
			require.Contains(t, b.Warnings[0], test.warning)
			require.Equal(t, test.call, run(t, b))
		})
	}
}

func TestBuild_Refused(t *testing.T) {
	tests := map[string]struct {
		files    map[string]string
		options  bundle.Options
		reason   yunduo.Reason
		messages []string
	}{
		"no entry":             {files: map[string]string{"readme.md": ""}, reason: yunduo.ReasonInvalidBundle, messages: []string{"index.js"}},
		"no wished entry":      {files: map[string]string{"index.js": ""}, options: bundle.Options{Entry: "app"}, reason: yunduo.ReasonInvalidBundle, messages: []string{"app.js"}},
		"an entry outside":     {files: map[string]string{"index.js": ""}, options: bundle.Options{Entry: "../index"}, reason: yunduo.ReasonInvalidBundle, messages: []string{"../index"}},
		"a syntax error":       {files: map[string]string{"index.js": "\nexports.main = async () => { return '云open\n"}, reason: yunduo.ReasonFunctionLoadFailed, messages: []string{"index.js:2:43: Unterminated string", "return '云open\n", "^"}},
		"one in a helper":      {files: map[string]string{"index.js": "require('./lib/a')", "lib/a.js": "const = 1"}, reason: yunduo.ReasonFunctionLoadFailed, messages: []string{"lib/a.js:1:7", "const = 1"}},
		"one in data":          {files: map[string]string{"index.js": "require('./a.json')", "a.json": "{\n  broken\n}"}, reason: yunduo.ReasonFunctionLoadFailed, messages: []string{"a.json:2:3"}},
		"one in TypeScript":    {files: map[string]string{"index.ts": "export const main = (a: ) => 1"}, reason: yunduo.ReasonFunctionLoadFailed, messages: []string{"index.ts:1:25"}},
		"a file outside":       {files: map[string]string{"index.js": "require('../secret')", "../secret.js": "module.exports = 1"}, reason: yunduo.ReasonInvalidBundle, messages: []string{"../secret", "copy"}},
		"an absolute file":     {files: map[string]string{"index.js": "require('/etc/hosts')"}, reason: yunduo.ReasonInvalidBundle, messages: []string{"/etc/hosts"}},
		"a top-level await":    {files: map[string]string{"index.mjs": "export const main = await 1"}, reason: yunduo.ReasonFunctionLoadFailed, messages: []string{"index.mjs:1:21"}},
		"a broken folder name": {files: map[string]string{}, reason: yunduo.ReasonInvalidBundle, messages: []string{"index.js"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := builder(t).Build(t.Context(), folder(t, test.files), test.options)
			require.Equal(t, test.reason, yunduo.ReasonOf(err), "%v", err)
			for _, message := range test.messages {
				require.Contains(t, yunduo.AsError(err).Message, message)
			}
			if test.reason == yunduo.ReasonFunctionLoadFailed {
				require.NotNil(t, b, "the author's files are kept to look at")
				require.NotEmpty(t, b.Hash)
			}
		})
	}
}

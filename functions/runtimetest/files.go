package runtimetest

import (
	"os"
	"path/filepath"
	"testing"

	"yunduo"
	"yunduo/functions/runtime"
)

// folder writes files (name to text) and returns their folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	// Functions may run as another user.
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// unbundled makes a bundle of a folder.
func unbundled(dir string) func(*runtime.Bundle) {
	return func(b *runtime.Bundle) { b.Code, b.Folder, b.Entry = nil, dir, "index.js" }
}

func testFiles(t *testing.T, b *bench) {
	dir := folder(t, map[string]string{
		"data/words.txt": "云\n朵\n", "data/table.json": "\ufeff{\"rows\":[1,2]}", "settings.js": "module.exports = { title: 'own file' }",
	})
	code := `
const fs = require('fs'), path = require('path')
exports.main = async () => ({
  words: fs.readFileSync(path.join(__dirname, 'data', 'words.txt'), 'utf8'),
  relative: fs.readFileSync('data/words.txt', 'utf8').length,
  promise: (await fs.promises.readFile(__dirname + '/data/words.txt')).length,
  cwd: process.cwd() === __dirname, file: path.basename(__filename),
  computed: require('./' + ['set', 'tings'].join('')).title, json: require('./data/table.json').rows
})`
	result := `{"words":"云\n朵\n","relative":4,"promise":8,"cwd":true,"file":"index.js","computed":"own file","json":[1,2]}`
	t.Run("beside the bundle", func(t *testing.T) {
		p := b.load(t, code, func(b *runtime.Bundle) { b.Folder = dir })
		want(t, b.call(t, p, `{}`), result)
	})
	t.Run("unbundled", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "index.js"), []byte(code), 0o644); err != nil {
			t.Fatal(err)
		}
		want(t, b.call(t, b.load(t, "", unbundled(dir)), `{}`), result)
	})
	t.Run("no folder", func(t *testing.T) {
		p := b.load(t, `exports.main = async () => [process.cwd() === __dirname, require('path').basename(__filename), require('fs').readdirSync('.').length]`)
		want(t, b.call(t, p, `{}`), `[true,"index.js",0]`)
	})
	t.Run("temporary files", func(t *testing.T) {
		p := b.load(t, `const fs = require('fs'); exports.main = async () => { const f = require('path').join(require('os').tmpdir(), 'x' + process.pid); fs.writeFileSync(f, 'kept'); const s = fs.readFileSync(f, 'utf8'); fs.unlinkSync(f); return s }`)
		want(t, b.call(t, p, `{}`), `"kept"`)
	})
}

func testModules(t *testing.T, b *bench) {
	dir := folder(t, map[string]string{
		"index.js": `
const settings = require('settings')
const { double } = require('lib/math.js')
const greet = require('greet')
const { shout } = require('greet/lib/shout')
let calls = 0
exports.main = async e => ({
  title: settings.title, twice: double(4), same: require(['set', 'tings'].join('')) === settings, greet: shout(greet('yun')), calls: ++calls,
  main: require.main === module, parent: require('./child').parent === module, resolved: require.resolve('greet').endsWith('main.js'), cached: require.resolve('settings') in require.cache,
  instance: module instanceof require('module'), exportsMap: require('mapped/sub'), scoped: require('@s/p').name, cycle: require('./a').done,
  sdk: typeof require('wx-server-sdk').call, sloppy: (function () { return this !== undefined })(), strict: require('./strict')
})`,
		"settings.js": "module.exports = { title: 'own file' }", "lib/math.js": "exports.double = n => n * 2", "child.js": "const process = require('process'), console = require('console'); exports.parent = process.pid > 0 && module.parent",
		"a.js": "exports.done = false; const b = require('./b'); exports.done = b.sawA === false", "b.js": "exports.sawA = require('./a').done",
		"strict.js":                           "'use strict'; module.exports = (function () { return this === undefined })()",
		"node_modules/greet/package.json":     `{"name":"greet","main":"main.js"}`,
		"node_modules/greet/main.js":          "#!/usr/bin/env node\nmodule.exports = name => 'hello ' + name",
		"node_modules/greet/lib/shout.js":     "exports.shout = text => text.toUpperCase() + '!'",
		"node_modules/mapped/package.json":    `{"name":"mapped","exports":{"./sub":{"require":"./real.js"}}}`,
		"node_modules/mapped/real.js":         "module.exports = 'mapped'",
		"node_modules/@s/p/index.js":          "exports.name = 's/p'",
		"node_modules/wx-server-sdk/index.js": "throw new Error('the bundled SDK was loaded')",
		"esm.js":                              "exports.main = async () => (await import('./module.mjs')).value + (await import('node:path')).basename('/x/y')",
		"module.mjs":                          "export const value = 'from a module '",
		"needs-esm.js":                        "exports.main = async () => require('./module.mjs')",
		"broken.js":                           "const a = 1\nconst b = {\nexports.main = 1",
		"package.json":                        "{ not json",
	})
	for name, c := range map[string]struct{ entry, result string }{
		"commonjs": {"index.js", `{"title":"own file","twice":8,"same":true,"greet":"HELLO YUN!","calls":1,"main":true,"parent":true,"resolved":true,"cached":true,"instance":true,"exportsMap":"mapped","scoped":"s/p","cycle":true,"sdk":"function","sloppy":true,"strict":true}`},
		"import()": {"esm.js", `"from a module y"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := b.load(t, "", unbundled(dir), func(b *runtime.Bundle) { b.Entry = c.entry })
			want(t, b.call(t, p, `{}`), c.result)
		})
	}
	t.Run("ES module entry", func(t *testing.T) {
		dir := folder(t, map[string]string{
			"package.json": `{"type":"module"}`, "index.js": "import { n } from './n.js'\nlet calls = 0\nexport const main = async e => [n, e.x, ++calls, process.env.WX_OPENID]", "n.js": "export const n = 5",
		})
		p := b.load(t, "", unbundled(dir), func(b *runtime.Bundle) { b.Exclusive = true })
		want(t, b.call(t, p, `{"x":1}`), `[5,1,1,"openid-1"]`)
		want(t, b.call(t, p, `{"x":2}`), `[5,2,2,"openid-1"]`)
	})
	t.Run("errors name the file", func(t *testing.T) {
		p := b.load(t, "", unbundled(dir), func(b *runtime.Bundle) { b.Entry = "needs-esm.js" })
		wantReason(t, b.fail(t, p, `{}`), yunduo.ReasonFunctionError, "module.mjs")
		p = b.load(t, "", unbundled(dir), func(b *runtime.Bundle) { b.Entry = "broken.js" })
		e := b.fail(t, p, `{}`)
		wantReason(t, e, yunduo.ReasonFunctionLoadFailed, "SyntaxError")
		p = b.load(t, "", unbundled(dir), func(b *runtime.Bundle) { b.Entry = "absent.js" })
		wantReason(t, b.fail(t, p, `{}`), yunduo.ReasonFunctionLoadFailed, "absent.js")
	})
	t.Run("instances per slot", func(t *testing.T) {
		dir := folder(t, map[string]string{"index.js": "const s = require('./state'); exports.main = async e => { s.who = e.i; await new Promise(done => setTimeout(done, 10)); return s.who }", "state.js": "exports.who = null"})
		p := b.load(t, "", unbundled(dir))
		b.fifty(t, p, func(i int, _ string, result []byte) {
			if string(result) != itoa(i) {
				t.Errorf("call %d saw %s", i, result)
			}
		})
	})
	t.Run("builtins", func(t *testing.T) {
		p := b.load(t, `for (const name of require('module').builtinModules) if (!name.startsWith('_') && !['sys', 'punycode', 'wasi', 'inspector', 'trace_events', 'inspector/promises'].includes(name)) require(name)
exports.main = async () => [typeof require('repl').start, require('node:util').inspect({ a: 1 }), typeof require('constants')]`)
		want(t, b.call(t, p, `{}`), `["function","{ a: 1 }","object"]`)
	})
}

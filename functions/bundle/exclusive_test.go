package bundle_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"yunduo/functions/bundle"
)

func TestBuild_Exclusive(t *testing.T) {
	tests := map[string]struct {
		code   string
		shared string // empty: slots may share a process
	}{
		"nothing":                       {"exports.main = () => 1", ""},
		"module variables":              {"let a = 1\nvar b\nexports.main = () => { a++; b = a }", ""},
		"a function's own names":        {"exports.main = e => { for (let i = 0; i < 2; i++) e.x = i; const { y, ...z } = e; var w; w = y; return [w, z] }", ""},
		"hoisting":                      {"exports.main = () => { late = 1; return f() }\nvar late\nfunction f() { return late }", ""},
		"exports and module":            {"exports = module.exports = {}\nmodule.exports.main = () => { exports.x = 1 }", ""},
		"the slot's environment":        {"exports.main = () => { process.env.TZ = 'Asia/Shanghai' }", ""},
		"reading globals":               {"exports.main = () => global.gc || globalThis.fetch || typeof foo", ""},
		"an undeclared variable":        {"exports.main = () => { db = 1 }", "db"},
		"an undeclared counter":         {"exports.main = () => { for (i = 0; i < 3; i++) ; return i }", "i"},
		"an undeclared one in for-of":   {"exports.main = () => { for (x of [1]) ; }", "x"},
		"an undeclared one in for-in":   {"exports.main = () => { for (k in {}) ; }", "k"},
		"an undeclared one in patterns": {"exports.main = e => { ({ a, b: [c = 1] } = e) }", "a"},
		"an increment":                  {"exports.main = () => hits++", "hits"},
		"a logical assignment":          {"exports.main = () => cache ||= {}", "cache"},
		"only in a helper's branch":     {"function f(x) { if (x) { leaked = x } }\nexports.main = f", "leaked"},
		"a shadowed one elsewhere":      {"function f() { let user; user = 1 }\nexports.main = () => { user = 2 }", "user"},
		"a global":                      {"exports.main = e => { global.user = e.user }", "global.user"},
		"globalThis":                    {"exports.main = e => { globalThis['user'] = e }", "globalThis[]"},
		"a handed on global":            {"const g = global\nexports.main = e => { g.user = e }", "global"},
		"Object.assign to a global":     {"exports.main = e => Object.assign(globalThis, e)", "globalThis"},
		"a prototype":                   {"Date.prototype.format = function () { return this.getTime() }\nexports.main = () => 1", "Date.prototype.format"},
		"a defined prototype":           {"Object.defineProperty(Array.prototype, 'last', { get() { return this[this.length - 1] } })\nexports.main = () => 1", "Array.prototype"},
		"an own class":                  {"class A { constructor() { this.x = 1 } static s = 1 }\nA.prototype.y = 2\nexports.main = () => new A()", ""},
		"an own constructor":            {"function Point(x) { this.x = x }\nPoint.prototype.move = function () { this.x++ }\nexports.main = () => new Point(1)", ""},
		"a plain function's this":       {"function setUser(u) { this.user = u }\nexports.main = e => setUser(e)", "this.user"},
		"a method's this":               {"const o = { f() { this.x = 1 }, g: function () { this.y = 1 } }\nexports.main = () => [o.f(), o.g()]", ""},
		"a built-in module":             {"const https = require('https')\nhttps.globalAgent.maxSockets = 5\nexports.main = () => 1", "https.globalAgent.maxSockets"},
		"the platform's SDK":            {"const cloud = require('wx-server-sdk')\nexports.main = e => { cloud.user = e.user }", "cloud.user"},
		"a deleted global":              {"exports.main = () => { delete global.x }", "global.x"},
		"eval":                          {"exports.main = e => eval(e.code)", "eval"},
		"new Function":                  {"exports.main = e => new Function(e.code)()", "eval"},
		"with":                          {"exports.main = e => { with (e) { return x } }", "with"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := build(t, map[string]string{"index.js": test.code})
			if test.shared == "" {
				require.Empty(t, b.Shared)
				require.False(t, b.Exclusive)
				return
			}
			require.Contains(t, b.Shared, test.shared)
			require.True(t, b.Exclusive)
		})
	}
}

func TestBuild_ExclusivePackages(t *testing.T) {
	with := func(code string) map[string]string {
		return map[string]string{"index.js": "exports.main = require('p')", "node_modules/p/index.js": code}
	}
	b := build(t, with("var root = typeof global !== 'undefined' ? global : this\nmodule.exports = () => root.Date"))
	require.False(t, b.Exclusive, "packages may look at the global object")
	require.Equal(t, []string{"p"}, b.Packages)
	b = build(t, with("module.exports = e => { lastRequest = e }"))
	require.Equal(t, []string{"lastRequest"}, b.Shared)
	b = build(t, with("module.exports = e => require(e.name)"))
	require.Equal(t, bundle.ModeUnbundled, b.Mode)
	require.True(t, b.Exclusive, "Node.js keeps one copy of a module per process")
	require.Contains(t, b.Reason, "node_modules/p/index.js")
}

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const zlib = require('node:zlib')
const esbuild = require('esbuild')
const { FakeHost } = require('./support')

const root = path.join(__dirname, '..')
function bundle (entry, options) {
  const { outputFiles: [file], warnings } = esbuild.buildSync({
    entryPoints: [path.join(root, entry)], bundle: true, write: false, format: 'cjs', minify: true, charset: 'utf8', ...options
  })
  assert.deepEqual(warnings, [])
  return file.text
}

test('the mini-program bundle is under 30 KB compressed and needs nothing but wx', () => {
  const text = bundle('miniprogram/index.js', { target: 'es2018', platform: 'neutral' })
  const size = zlib.gzipSync(text, { level: 9 }).length
  assert.ok(size < 30 * 1024, `${size} bytes`)
  // No Buffer, process, require, fetch, btoa, AbortSignal, BigInt literals: a bare context has only the language.
  const module = { exports: {} }
  vm.runInNewContext(text, { module, exports: module.exports })
  const cloud = module.exports
  cloud.init({ env: 'app1', endpoint: 'https://api.example.com' })
  const db = cloud.database()
  assert.equal(typeof db.collection('c').where({ a: db.command.gt(1) }).get, 'function')
})

test('the web bundle is small, too', () => {
  const size = zlib.gzipSync(bundle('web/index.js', { target: 'es2020', platform: 'browser' }), { level: 9 }).length
  assert.ok(size < 30 * 1024, `${size} bytes`)
})

test('the server SDK is one CommonJS text that loads without require', async () => {
  const text = bundle('server/index.js', { platform: 'node' })
  const module = { exports: {} }
  vm.runInThisContext(`(function (module, exports) {${text}\n})`)(module, module.exports)
  const host = new FakeHost()
  const modules = module.exports.create(host)
  assert.deepEqual(Object.keys(modules), ['wx-server-sdk', '@cloudbase/node-sdk', 'tcb-admin-node'])
  const cloud = modules['wx-server-sdk']
  assert.equal((await cloud.database().collection('c').count()).total, 0)
  const error = await cloud.getOpenData({}).catch(error => error)
  assert.match(require('node:util').inspect(error), /^CloudError: getOpenData:fail/)
})

test('core names no platform: only what guards itself', () => {
  for (const file of fs.readdirSync(path.join(root, 'core')).filter(name => name.endsWith('.js') && name !== 'fetch.js')) {
    const { code: text } = esbuild.transformSync(fs.readFileSync(path.join(root, 'core', file), 'utf8'), { minifyWhitespace: true }) // no comments
    assert.doesNotMatch(text, /\b(wx|window|process|localStorage|fetch)\s*[.(]/, file)
    assert.doesNotMatch(text, /require\(["'](?!\.\/)/, file)
    if (file !== 'bytes.js') assert.doesNotMatch(text, /\bBuffer\b/, file)
  }
})

test('there are no runtime dependencies, and every entry exists', () => {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json')))
  assert.equal(manifest.dependencies, undefined)
  for (const target of Object.values(manifest.exports)) {
    for (const file of typeof target === 'string' ? [target] : Object.values(target)) assert.ok(fs.existsSync(path.join(root, file)), file)
  }
  assert.doesNotMatch(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'), /"resolved"/)
})

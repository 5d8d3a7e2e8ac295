// A telephone with a mini-program that was written for `wx.cloud`: its app.js and pages, and a `wx` with what they ask of
// it. There is no wx.cloud of WeChat.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const WS = require('ws')
const { FakeWx } = require('../../sdk/js/test/fake-wx')

class Telephone {
  constructor (root, code) {
    globalThis.WebSocket ??= WS // for FakeWx; Node.js before 22 has none
    const wx = Object.assign(new FakeWx(), {
      code,
      chooseImage: async () => {
        wx.localFiles.set('wxfile://chosen.jpg', this.chosen)
        return { tempFilePaths: ['wxfile://chosen.jpg'] }
      }
    })
    this.root = root
    this.loaded = new Map()
    this.context = vm.createContext({
      wx, console, setTimeout, clearTimeout,
      App: app => { this.app = app },
      Page: page => { this.definition = page }
    })
    this.load('app')
    this.app.onLaunch()
  }

  load (name) {
    const file = path.join(this.root, `${name}.js`)
    if (!this.loaded.has(file)) {
      const module = { exports: {} }
      this.loaded.set(file, module)
      const run = vm.runInContext(`(function (require, module, exports) {${fs.readFileSync(file, 'utf8')}\n})`, this.context, { filename: file })
      run(other => this.load(path.join(path.dirname(name), other)), module, module.exports)
    }
    return this.loaded.get(file).exports
  }

  open (name) {
    this.load(name)
    const page = { ...this.definition, data: structuredClone(this.definition.data), setData (change) { Object.assign(this.data, JSON.parse(JSON.stringify(change))) } }
    page.onLoad()
    return page
  }
}

module.exports = { Telephone }

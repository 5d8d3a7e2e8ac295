'use strict'
// The example's mini-program against a live server: its own app.js and pages, the SDK as `yunduo sdk` writes it, and a
// `wx` that does what the pages ask of it.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { FakeWx } = require('../../sdk/js/test/fake-wx')
const { startServer, binary } = require('./server')

let server, root
before(async () => {
  server = await startServer()
  root = path.join(server.project, 'miniprogram')
  execFileSync(binary, ['sdk', 'miniprogram', '-o', path.join(root, 'lib/yunduo.js')])
  fs.writeFileSync(path.join(root, 'config.js'), `module.exports = ${JSON.stringify({ endpoint: server.url, env: server.app })}\n`)
})
after(() => server?.stop())

const pageNames = () => JSON.parse(fs.readFileSync(path.join(root, 'app.json'), 'utf8')).pages

/** One person's telephone: the mini-program in a context of its own, which has no more than a mini-program has. */
class Phone {
  constructor (openId) {
    const wx = new FakeWx()
    wx.code = `dev:${openId}`
    this.shown = []
    this.wx = Object.assign(wx, {
      showToast: ({ title }) => this.shown.push(title),
      showModal: async () => ({ confirm: true }),
      chooseMedia: async () => ({ tempFiles: [{ tempFilePath: 'tmp/chosen.jpg' }] }),
      navigateTo: ({ url }) => this.shown.push(url),
      navigateBack: () => this.shown.push('back'),
      stopPullDownRefresh: () => this.shown.push('refreshed')
    })
    const pages = {}
    let current
    const context = vm.createContext({
      wx, console, setTimeout, clearTimeout,
      App: app => { this.app = app },
      Page: page => { pages[current] = page }
    })
    const loaded = new Map()
    const load = file => {
      if (!loaded.has(file)) {
        const module = { exports: {} }
        loaded.set(file, module)
        const run = vm.runInContext(`(function (require, module, exports) {${fs.readFileSync(file, 'utf8')}\n})`, context, { filename: file })
        run(name => load(path.join(path.dirname(file), `${name}.js`)), module, module.exports)
      }
      return loaded.get(file).exports
    }
    load(path.join(root, 'app.js'))
    for (current of pageNames()) load(path.join(root, `${current}.js`))
    this.app.onLaunch()
    this.definitions = pages
  }

  open (name) {
    const definition = this.definitions[name]
    const page = { ...definition, data: { ...definition.data } }
    page.setData = values => Object.assign(page.data, values)
    return page
  }
}
const tapped = dataset => ({ currentTarget: { dataset } })

test('every page has its four files, and its markup calls what the page has', () => {
  const { definitions } = new Phone('reader')
  for (const name of pageNames()) {
    JSON.parse(fs.readFileSync(path.join(root, `${name}.json`), 'utf8'))
    assert.ok(fs.existsSync(path.join(root, `${name}.wxss`)))
    const markup = fs.readFileSync(path.join(root, `${name}.wxml`), 'utf8')
    const open = []
    for (const [, closing, tag, , alone] of markup.matchAll(/<(\/?)([a-z-]+)((?:"[^"]*"|[^">])*?)(\/?)>/g)) {
      if (closing) assert.equal(open.pop(), tag, name)
      else if (!alone) open.push(tag)
    }
    assert.deepEqual(open, [], name)
    const handlers = [...markup.matchAll(/\bbind[a-z]+="([^"]+)"/g)].map(m => m[1])
    assert.ok(handlers.length > 0)
    for (const handler of handlers) assert.equal(typeof definitions[name][handler], 'function', `${name}: ${handler}`)
  }
})

test('two people write, like and remove notes', async () => {
  const [li, wang] = [new Phone('li'), new Phone('wang')]
  const edit = li.open('pages/edit/edit')
  edit.type({ detail: { value: '你好，云朵' } })
  edit.paint(tapped({ color: 'green' }))
  li.wx.localFiles.set('tmp/chosen.jpg', Buffer.from('a photo'))
  await edit.choose()
  await edit.save()
  assert.deepEqual(li.shown, ['back'])

  const wall = wang.open('pages/index/index')
  await wall.onPullDownRefresh()
  assert.equal(wall.data.error, '')
  const [note] = wall.data.notes
  assert.deepEqual([note.text, note.color, note.mine, note.likes], ['你好，云朵', 'green', false, 0])
  assert.equal(await (await fetch(note.photo)).text(), 'a photo')

  await wall.like(tapped({ id: note._id }))
  assert.deepEqual([wall.data.notes[0].likes, wall.data.notes[0].liked], [1, true])
  await wall.remove(tapped({ id: note._id }))
  assert.equal(wall.data.notes.length, 1, 'the note of somebody else stays')
  assert.match(wang.shown.at(-1), /not yours/)

  const own = li.open('pages/index/index')
  await own.onShow()
  assert.equal(own.data.notes[0].mine, true)
  await own.remove(tapped({ id: note._id }))
  assert.deepEqual([...own.data.notes], [])
})

test('a wall that cannot be reached says so and recovers', async () => {
  const phone = new Phone('li')
  const wall = phone.open('pages/index/index')
  phone.wx.offline = true
  await wall.onShow()
  assert.notEqual(wall.data.error, '')
  phone.wx.offline = false
  await wall.onShow()
  assert.equal(wall.data.error, '')
})

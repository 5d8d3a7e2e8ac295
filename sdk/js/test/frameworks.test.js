'use strict'

// The runtimes of Taro and uni-app as they are published, bundled with the SDK as a project of theirs would be, in a
// context that has no more than a mini program has.

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const vm = require('node:vm')
const esbuild = require('esbuild')
const WS = require('ws')
const { FakeServer } = require('./fake-server')
const { FakeWx } = require('./fake-wx')
const { FakeSockets } = require('./fake-sockets')

let server
let sockets
before(async () => {
  server = await new FakeServer().start()
  sockets = new FakeSockets(server)
})
after(() => server.stop())
beforeEach(() => {
  server.taken()
  sockets.said = []
})

function built (name) {
  const { outputFiles: [file] } = esbuild.buildSync({
    entryPoints: [path.join(__dirname, 'frameworks', `${name}.js`)], bundle: true, write: false, format: 'cjs', platform: 'neutral', target: 'es2018', logLevel: 'error',
    mainFields: ['module', 'main'], // as their bundlers choose
    define: {
      'process.env.NODE_ENV': '"production"', 'process.env.TARO_ENV': '"weapp"', 'process.env.TARO_PLATFORM': '"mini"', 'process.env.FRAMEWORK': '"react"',
      'process.env.SUPPORT_TARO_POLYFILL': '"disabled"', ENABLE_INNER_HTML: 'false', ENABLE_ADJACENT_HTML: 'false', ENABLE_SIZE_APIS: 'false',
      ENABLE_TEMPLATE_CONTENT: 'false', ENABLE_CLONE_NODE: 'false', ENABLE_CONTAINS: 'false', ENABLE_MUTATION_OBSERVER: 'false', global: 'globalThis'
    }
  })
  return file.text
}
const code = { taro: built('taro'), uni: built('uni') }

/** A mini program made with a framework, on a telephone of its own. */
function launched (name) {
  globalThis.WebSocket = WS
  const wx = new FakeWx()
  Object.assign(wx, { getSystemInfoSync: () => ({ platform: 'devtools' }), canIUse: () => false, getAppBaseInfo: () => ({}), onAppShow: () => {}, onNetworkStatusChange: () => {} })
  // What is found by Object.keys in WeChat is on the object itself.
  const own = {}
  for (const key of Object.keys(wx)) own[key] = wx[key]
  const module = { exports: {} }
  const context = vm.createContext({
    wx: own, module, exports: module.exports, console, setTimeout, clearTimeout, getApp: () => ({}), getCurrentPages: () => [], App () {}, Page () {}, Component () {}, Behavior () {}
  })
  vm.runInContext(code[name], context, { filename: `${name}.js` })
  return { wx, ...module.exports }
}

const platforms = {
  taro: ({ Taro }) => Taro,
  uni: ({ uni }) => uni
}

for (const name of Object.keys(platforms)) {
  for (const given of [false, true]) {
    test(`${name}: everything works on ${given ? `the framework's own calls` : 'wx, which it leaves alone'}`, async () => {
      const it = launched(name)
      const { cloud, wx } = it
      const platform = platforms[name](it)
      const used = []
      if (given) {
        for (const call of ['request', 'login', 'connectSocket', 'uploadFile']) {
          const original = platform[call]
          assert.equal(typeof original, 'function', call)
          platform[call] = options => { used.push(call); return original(options) }
        }
      }
      cloud.init({ env: 'app1', endpoint: server.url, ...(given && { platform }) })
      assert.equal((await cloud.callFunction({ name: 'echo', data: { n: 1 } })).result.event.n, 1)
      const db = cloud.database()
      assert.equal((await db.collection('c').where({ n: db.command.gt(1) }).get()).data.length, 1)
      wx.localFiles.set('wxfile://a.txt', Buffer.from('hello'))
      const progress = []
      const { fileID } = await cloud.uploadFile({ cloudPath: 'a.txt', filePath: 'wxfile://a.txt', onProgressUpdate: p => progress.push(p.progress) })
      assert.deepEqual(progress, [40, 100])
      const { tempFilePath } = await cloud.downloadFile({ fileID })
      assert.equal(wx.localFiles.get(tempFilePath).toString(), 'hello')

      const snapshots = []
      let heard
      const first = new Promise(resolve => { heard = resolve })
      const listener = db.collection('c').watch({ onChange: snapshot => { snapshots.push(snapshot); heard() }, onError: heard })
      const { id } = await sockets.heard('watch')
      sockets.say({ type: 'snapshot', id, resume: 'r', documents: [{ _id: 'x' }] })
      await first
      assert.equal(snapshots[0].docs[0]._id, 'x')
      await listener.close()
      if (given) assert.deepEqual([...new Set(used)].sort(), ['connectSocket', 'login', 'request', 'uploadFile'])
      else assert.deepEqual(used, [])

      wx.offline = true
      cloud.init({ env: 'app1', endpoint: server.url, retries: 0, ...(given && { platform }) })
      await assert.rejects(cloud.callFunction({ name: 'echo' }), error => error.retryable === true)
    })
  }
}

test('Taro.cloud can be ours', async () => {
  const { Taro, cloud } = launched('taro')
  assert.equal(Taro.cloud, cloud)
  Taro.cloud.init({ env: 'app1', endpoint: server.url })
  assert.equal((await Taro.cloud.callFunction({ name: 'echo' })).errMsg, 'cloud.callFunction:ok')
})

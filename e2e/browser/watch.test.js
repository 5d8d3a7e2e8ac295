'use strict'
// Watches of the SDK's entries against a live server: a page in Chromium, a mini-program, and a server with a key.
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const WS = require('ws')
const { FakeWx } = require('../../sdk/js/test/fake-wx')
const { startServer, startBrowser, binary } = require('./server')

let server, work, node
before(async () => {
  globalThis.WebSocket = WS // Node.js before 22 has none
  server = await startServer()
  work = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-watch-'))
  for (const entry of ['node', 'miniprogram', 'web']) execFileSync(binary, ['sdk', entry, '-o', path.join(work, `${entry}.js`)])
  node = require(path.join(work, 'node.js'))
})
after(async () => {
  await server?.stop()
  fs.rmSync(work, { recursive: true, force: true })
})

const owner = () => node.init({ app: server.app, endpoint: server.url, apiKey: server.apiKey })

/** Snapshots that can be awaited one after another. */
function follow (query) {
  const queue = []
  let wake
  const push = item => { queue.push(item); wake?.() }
  const listener = query.watch({ onChange: push, onError: push })
  const next = async () => {
    while (queue.length === 0) await new Promise(resolve => { wake = resolve })
    const item = queue.shift()
    if (item instanceof Error) throw item
    return item
  }
  /** Snapshots until one has what is wanted; fails if there are more than expected. */
  const until = async (probe, limit = 50) => {
    for (let i = 0; i < limit; i++) {
      const snapshot = await next()
      if (probe(snapshot)) return snapshot
    }
    throw new Error('never')
  }
  return { next, until, close: () => listener.close() }
}

test('a server follows a window', async () => {
  const db = owner().database()
  await db.createCollection('scores')
  const scores = db.collection('scores')
  const w = follow(scores.orderBy('n', 'desc').limit(2))
  assert.deepEqual((await w.next()).docs, [])
  await scores.add({ data: [{ _id: 'a', n: 1 }, { _id: 'b', n: 2 }, { _id: 'c', n: 3 }] })
  await w.until(s => s.docs.map(d => d._id).join() === 'c,b')
  await scores.doc('a').update({ data: { n: db.command.inc(10) } })
  const shifted = await w.until(s => s.docs[0]._id === 'a')
  assert.deepEqual(shifted.docs.map(d => d._id), ['a', 'c'])
  assert.deepEqual(shifted.docChanges.map(c => [c.queueType, c.dataType, c.docId]), [['dequeue', 'limit', 'b'], ['enqueue', 'update', 'a']])
  await w.close()
})

test('a mini-program sees its own documents, through cuts', async () => {
  globalThis.wx = new FakeWx()
  wx.code = 'dev:li'
  try {
    const cloud = require(path.join(work, 'miniprogram.js'))
    await cloud.init({ env: server.app, endpoint: server.url })
    await owner().database().createCollection('mine')
    const db = cloud.database()
    const w = follow(db.collection('mine').where({ n: db.command.gt(0) }))
    assert.equal((await w.next()).type, 'init')
    await owner().database().collection('mine').add({ data: { n: 1 } }) // nobody's
    await db.collection('mine').add({ data: { _id: 'x', n: 0 } })
    for (let n = 1; n <= 20; n++) {
      await db.collection('mine').doc('x').update({ data: { n: db.command.inc(1) } })
      if (n % 7 === 0) wx.cut()
    }
    let last = 0
    const end = await w.until(s => {
      assert.equal(s.docs.length, 1)
      assert.equal(s.docs[0].n, last + 1) // every version, once
      last = s.docs[0].n
      return last === 20
    })
    assert.equal(end.id, 20)
    await db.collection('mine').doc('x').remove()
    assert.equal((await w.next()).docChanges[0].dataType, 'remove')
    await w.close()
  } finally {
    delete globalThis.wx
  }
})

test('a page in a browser, and a watch that is refused', async () => {
  const browser = await startBrowser()
  try {
    const page = await browser.newPage()
    await page.goto(`${server.url}/healthz`)
    await page.addScriptTag({ path: path.join(work, 'web.js') }) // which makes the global `yunduo`
    const result = await page.evaluate(async ({ app, url }) => {
      const client = yunduo.init({ app, endpoint: url })
      await client.auth.signInAnonymously()
      const db = client.database()
      const seen = []
      let wake
      const step = () => new Promise(resolve => { wake = resolve })
      let next = step()
      const listener = db.collection('scores').where({ who: 'page' }).watch({ onChange: s => { seen.push(s.docs.length); wake() }, onError: error => wake(error) })
      const errors = [await next]
      for (const write of [() => db.collection('scores').add({ data: { _id: 'p', who: 'page' } }), () => db.collection('scores').doc('p').remove()]) {
        next = step()
        await write()
        errors.push(await next)
      }
      await listener.close()
      const refused = await new Promise(resolve => db.collection('nowhere').watch({ onChange () {}, onError: resolve }))
      return { seen, errors: errors.filter(Boolean).map(error => error.errMsg), refused: refused.reason }
    }, { app: server.app, url: server.url })
    assert.deepEqual(result, { seen: [0, 1, 0], errors: [], refused: 'collection_not_found' })
  } finally {
    await browser.close()
  }
})

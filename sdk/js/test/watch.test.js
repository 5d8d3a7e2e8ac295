'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const WS = require('ws')
const { FakeServer } = require('./fake-server')
const { FakeWx } = require('./fake-wx')
const { FakeSockets } = require('./fake-sockets')
const { Realtime } = require('../core/realtime')
const { compareBy } = require('../core/order')
const { difference } = require('../core/difference')
const { standardSockets } = require('../core/websocket')
const node = require('../node')

let server, sockets
before(async () => {
  server = await new FakeServer().start()
  sockets = new FakeSockets(server)
})
after(() => server.stop())
beforeEach(() => { sockets.said = []; sockets.bad = undefined; sockets.expiresIn = 7200 })

const connect = standardSockets(() => WS)
/** A watch whose snapshots can be awaited. */
function follow (query) {
  const heard = { snapshots: [], waiting: [], errors: [] }
  const push = (list, value) => { list.push(value); heard.waiting.splice(0).forEach(resolve => resolve()) }
  heard.listener = query.watch({ onChange: s => push(heard.snapshots, s), onError: e => push(heard.errors, e) })
  heard.next = async (list = heard.snapshots) => {
    while (list.length === 0) await new Promise(resolve => heard.waiting.push(resolve))
    return list.shift()
  }
  return heard
}
const plain = value => JSON.parse(JSON.stringify(value))
const open = () => {
  const app = node.init({ app: 'app1', endpoint: server.url, apiKey: 'key' })
  app.realtime.connect = connect
  app.realtime.random = () => 0
  return app.database()
}

test('the shapes that mini-programs know', async () => {
  const w = follow(open().collection('notes').where({ n: 1 }).orderBy('n', 'asc'))
  const { id, ...begun } = await sockets.heard('watch')
  assert.deepEqual(begun, { type: 'watch', collection: 'notes', filter: { n: 1 }, sort: { n: 1 } })
  assert.equal(sockets.path, '/v1/apps/app1/watch')
  sockets.say({ type: 'snapshot', id, resume: 'r1', documents: [{ _id: 'a', n: 1, at: { $date: '2026-01-01T00:00:00Z' }, o: { x: 1, y: 1 } }] })
  const first = await w.next()
  assert.deepEqual(plain(first), {
    id: 0,
    type: 'init',
    docs: [{ _id: 'a', n: 1, at: '2026-01-01T00:00:00.000Z', o: { x: 1, y: 1 } }],
    docChanges: [{ id: 0, queueType: 'init', dataType: 'init', docId: 'a', doc: { _id: 'a', n: 1, at: '2026-01-01T00:00:00.000Z', o: { x: 1, y: 1 } } }]
  })
  assert.ok(first.docs[0].at instanceof Date)
  first.docs[0].n = 'spoilt' // by the app: ours is another one

  sockets.say({ type: 'changes', id, resume: 'r2', changes: [{ move: 'enter', cause: 'insert', id: 'b', document: { _id: 'b', n: 0 } }] })
  const second = await w.next()
  assert.deepEqual([second.id, second.type, second.docs.map(d => d._id)], [1, undefined, ['b', 'a']]) // in order
  assert.deepEqual(plain(second.docChanges), [{ id: 1, queueType: 'enqueue', dataType: 'add', docId: 'b', doc: { _id: 'b', n: 0 } }])

  sockets.say({ type: 'changes', id, resume: 'r3', changes: [{ move: 'update', cause: 'update', id: 'a', document: { _id: 'a', n: 1, o: { x: 2 } } }] })
  const [update] = (await w.next()).docChanges
  assert.deepEqual(plain([update.queueType, update.dataType, update.updatedFields, update.removedFields]), ['update', 'update', { 'o.x': 2 }, ['at', 'o.y']])

  sockets.say({ type: 'changes', id, resume: 'r4', changes: [{ move: 'leave', cause: 'delete', id: 'a' }, { move: 'leave', cause: 'update', id: 'b' }] })
  const last = await w.next()
  assert.deepEqual([last.id, last.docs, last.docChanges.map(c => [c.queueType, c.dataType, c.docId, c.doc.n])], [3, [], [['dequeue', 'remove', 'a', 1], ['dequeue', 'update', 'b', 0]]])
  await w.listener.close()
  await Promise.all([...sockets.open].map(client => once(client, 'close'))) // nobody watches: no connection
})

test('a lost connection goes on where it was', async () => {
  const db = open()
  const one = follow(db.collection('notes').doc('a'))
  const begun = await sockets.heard('watch')
  assert.deepEqual(begun.filter, { _id: 'a' })
  sockets.say({ type: 'snapshot', id: begun.id, resume: 'r1', documents: [{ _id: 'a', n: 1 }] })
  await one.next()
  sockets.say({ type: 'position', id: begun.id, resume: 'r2' })
  const two = follow(db.collection('other').limit(2))
  const second = await sockets.heard('watch')
  sockets.cut()
  const again = [await sockets.heard('watch'), await sockets.heard('watch')]
  assert.deepEqual(again, [{ ...begun, resume: 'r2' }, second]) // the second had nothing yet
  sockets.say({ type: 'changes', id: begun.id, resume: 'r3', changes: [{ move: 'update', cause: 'update', id: 'a', document: { _id: 'a', n: 2 } }] })
  assert.deepEqual((await one.next()).docs, [{ _id: 'a', n: 2 }])
  // A snapshot anew is told as what differs.
  sockets.say({ type: 'snapshot', id: begun.id, resume: 'r4', reset: 'position', documents: [{ _id: 'a', n: 2 }] })
  sockets.say({ type: 'snapshot', id: begun.id, resume: 'r5', reset: 'rules', documents: [] })
  const gone = await one.next()
  assert.deepEqual([gone.id, gone.docs, plain(gone.docChanges)], [2, [], [{ id: 2, queueType: 'dequeue', dataType: 'remove', docId: 'a', doc: { _id: 'a', n: 2 } }]])
  await one.listener.close()
  assert.equal((await sockets.heard('unwatch')).id, begun.id)
  await two.listener.close()
})

test('refusals end one watch, and bad calls are refused here', async () => {
  const db = open()
  const [bad, good] = [follow(db.collection('a')), follow(db.collection('b'))]
  const { id } = await sockets.heard('watch')
  sockets.say({ type: 'error', id, error: { code: 'denied', reason: 'permission_denied', message: 'no', requestId: 'r' } })
  const error = await bad.next(bad.errors)
  assert.deepEqual([error.errCode, error.reason, error.requestId], [-502003, 'permission_denied', 'r'])
  const other = await sockets.heard('watch')
  sockets.say({ type: 'snapshot', id: other.id, resume: 'r', documents: [] })
  assert.equal((await good.next()).type, 'init')
  for (const query of [db.collection('a').skip(1), db.collection('a').field({ a: true })]) {
    assert.throws(() => query.watch({ onChange () {} }), { reason: 'invalid_request' })
  }
  assert.throws(() => db.collection('a').watch({}), /onChange should be a function/)
  await good.listener.close()
  await bad.listener.close()
})

test('tokens are renewed on the way, and a refused one is replaced', async () => {
  const tokens = ['t1', 't2']
  const asked = []
  const realtime = new Realtime({ app: 'app1', endpoint: server.url, connect, random: () => 0, token: async refused => { asked.push(refused); return refused ? tokens[1] : tokens[0] } })
  sockets.bad = 't1'
  const ended = []
  const close = realtime.watch({ collection: 'c' }, { event () {}, end: e => ended.push(e) })
  assert.equal((await sockets.heard('auth')).token, 't1')
  assert.equal((await sockets.heard('auth')).token, 't2')
  await sockets.heard('watch')
  assert.deepEqual([asked, ended], [[undefined, 't1'], []])
  sockets.bad = undefined
  tokens[0] = 't4'
  realtime.renewal(50.1) // as if it expired in a moment
  assert.equal((await sockets.heard('auth')).token, 't4')
  close()

  const nobody = new Realtime({ app: 'app1', endpoint: server.url, connect, token: async () => undefined })
  const error = await new Promise(resolve => nobody.watch({ collection: 'c' }, { event () {}, end: resolve }))
  assert.equal(error.reason, 'token_missing')
})

test('in a mini-program, offline and back', async () => {
  const wx = new FakeWx()
  globalThis.wx = wx
  globalThis.WebSocket = WS
  let online
  wx.onNetworkStatusChange = listener => { online = listener }
  try {
    const cloud = new (require('../miniprogram').Cloud)()
    await cloud.init({ env: 'app1', endpoint: server.url })
    cloud.connection('app1').realtime.random = () => 1
    wx.offline = true
    const w = follow(cloud.database().collection('notes'))
    await assert.rejects(cloud.callFunction({ name: 'echo' })) // as offline as the watch
    wx.offline = false
    online({ isConnected: true })
    const { id } = await sockets.heard('watch')
    sockets.say({ type: 'snapshot', id, resume: 'r', documents: [{ _id: 1 }] })
    assert.deepEqual((await w.next()).docs, [{ _id: 1 }])
    wx.cut()
    online({ isConnected: true })
    assert.equal((await sockets.heard('watch')).resume, 'r')
    assert.deepEqual(w.errors, [])
    await w.listener.close()
  } finally {
    delete globalThis.wx
    delete globalThis.WebSocket
  }
})

test('results are ordered as the database orders them', () => {
  const inOrder = [
    null, { $numberDouble: 'NaN' }, { $numberDouble: '-Infinity' }, -1, 0, { $numberLong: '5' }, 5.5, '', 'a', 'ab', '\uffee', '😀', {}, { a: 1 }, { a: 2 },
    { $binary: { base64: 'AA==', subType: '00' } }, { $oid: '0'.repeat(24) }, false, true, { $date: '2025-01-01T00:00:00Z' }, { $date: { $numberLong: '1800000000000' } }
  ]
  const documents = inOrder.map((v, i) => ({ _id: i, v }))
  const shuffled = [...documents].sort((a, b) => (a._id * 7) % 11 - (b._id * 7) % 11)
  assert.deepEqual(shuffled.sort(compareBy({ v: 1 })).map(d => d._id), documents.map(d => d._id))
  assert.deepEqual(shuffled.sort(compareBy({ v: -1 })).map(d => d._id), documents.map(d => d._id).reverse())
  const lists = [{ _id: 1, a: [{ b: 5 }, { b: 1 }] }, { _id: 2, a: { b: 3 } }, { _id: 3 }]
  assert.deepEqual([...lists].sort(compareBy({ 'a.b': 1 })).map(d => d._id), [3, 1, 2])
  assert.deepEqual([...lists].sort(compareBy({ 'a.b': -1 })).map(d => d._id), [1, 2, 3])
  assert.deepEqual([{ _id: 2 }, { _id: 1 }].sort(compareBy()), [{ _id: 1 }, { _id: 2 }])
})

test('texts are ordered by a collation', () => {
  const names = (collation, direction = 1) => ['b2', 'Á', 'b10', 'a', 'Z'].map((name, i) => ({ _id: i, name })).sort(compareBy({ name: direction }, collation)).map(d => d.name)
  assert.deepEqual(names(), ['Z', 'a', 'b10', 'b2', 'Á'])
  assert.deepEqual(names({ locale: 'simple' }), names())
  assert.deepEqual(names({ locale: 'en' }), ['a', 'Á', 'b10', 'b2', 'Z'])
  assert.deepEqual(names({ locale: 'en', strength: 1, numericOrdering: true }), ['Á', 'a', 'b2', 'b10', 'Z']) // equal ones by _id
  assert.deepEqual(names({ locale: 'no such locale' }), names()) // which the server refuses
})

test('a watch takes a collation along', async () => {
  const collation = { locale: 'en', strength: 1 }
  const w = follow(open().collection('notes').where({ name: 'ada' }).orderBy('name', 'asc').collation(collation))
  const { id, ...begun } = await sockets.heard('watch')
  assert.deepEqual(begun, { type: 'watch', collection: 'notes', filter: { name: 'ada' }, sort: { name: 1 }, collation })
  sockets.say({ type: 'snapshot', id, resume: 'r1', documents: [{ _id: 1, name: 'ada' }, { _id: 3, name: 'Ada' }] })
  assert.deepEqual((await w.next()).docs.map(d => d._id), [1, 3])
  sockets.say({ type: 'changes', id, resume: 'r2', changes: [{ move: 'enter', cause: 'insert', id: 2, document: { _id: 2, name: 'ADA' } }, { move: 'leave', cause: 'delete', id: 1 }] })
  assert.deepEqual((await w.next()).docs.map(d => d._id), [2, 3]) // one snapshot for what was committed together
  await w.listener.close()
})

test('differences of documents', () => {
  assert.deepEqual(difference({ a: 1, b: { c: 1, d: [1] }, e: { $date: 'x' } }, { a: 1, b: { c: 2, d: [2] }, e: { $date: 'y' }, f: {} }), {
    updatedFields: { 'b.c': 2, 'b.d': [2], e: { $date: 'y' }, f: {} }, removedFields: []
  })
  assert.deepEqual(difference({ b: { c: 1 } }, { b: {} }), { updatedFields: {}, removedFields: ['b.c'] })
})

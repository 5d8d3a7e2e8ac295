'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { FakeHost, failure, wxServer, rejection } = require('./support')

const missing = failure('collection_not_found', 'Db or Table not exist: c')

test('results have the shapes of wx-server-sdk', async () => {
  const { db } = wxServer({
    'documents.find': { documents: [{ _id: 'a', at: { $date: '1970-01-01T00:00:00Z' } }] },
    'documents.get': { document: { _id: 'x', n: 1 } },
    'documents.insert': { insertedIds: ['1', '2'] },
    'documents.update': ({ upsert }) => upsert ? { matched: 0, modified: 0, upsertedId: 'x' } : { matched: 3, modified: 2 },
    'documents.findAndUpdate': { matched: 1, modified: 1, document: { _id: 'x', n: 2 } },
    'documents.delete': { deleted: 2 },
    'documents.count': { total: 5 },
    'collections.list': { collections: [{ name: 'c', documents: 1, bytes: 10 }] }
  })
  const c = db.collection('c')
  assert.deepEqual(await c.get(), { data: [{ _id: 'a', at: new Date(0) }], errMsg: 'collection.get:ok' })
  assert.deepEqual(await c.doc('x').get(), { data: { _id: 'x', n: 1 }, errMsg: 'document.get:ok' })
  assert.deepEqual(await c.add({ data: {} }), { _id: '1', errMsg: 'collection.add:ok' })
  assert.deepEqual(await c.add({ data: [{}, {}] }), { _ids: ['1', '2'], errMsg: 'collection.add:ok' })
  assert.deepEqual(await c.doc('x').update({ data: { a: 1 } }), { stats: { updated: 2 }, errMsg: 'document.update:ok' })
  assert.deepEqual(await c.where({ a: 1 }).update({ data: { a: 1 } }), { stats: { updated: 2 }, errMsg: 'collection.update:ok' })
  assert.deepEqual(await c.doc('x').set({ data: { a: 1 } }), { _id: 'x', stats: { updated: 0, created: 1 }, errMsg: 'document.set:ok' })
  assert.deepEqual(await c.where({ a: 1 }).updateAndReturn({ data: { n: 2 } }), { stats: { updated: 1 }, data: { _id: 'x', n: 2 }, errMsg: 'collection.updateAndReturn:ok' })
  assert.deepEqual(await c.doc('x').remove(), { stats: { removed: 2 }, errMsg: 'document.remove:ok' })
  assert.deepEqual(await c.where({ a: 1 }).remove(), { stats: { removed: 2 }, errMsg: 'collection.remove:ok' })
  assert.deepEqual(await c.count(), { total: 5, errMsg: 'collection.count:ok' })
  assert.deepEqual(await db.createCollection('c'), { errMsg: 'createCollection:ok' })
  assert.deepEqual(await db.collections(), { collections: [{ name: 'c', documents: 1, bytes: 10 }], errMsg: 'collections:ok' })
})

test('set of a document that is there counts as updated', async () => {
  const { db } = wxServer({ 'documents.update': { matched: 1, modified: 1 } })
  assert.deepEqual((await db.collection('c').doc('x').set({ data: {} })).stats, { updated: 1, created: 0 })
})

test('doc().get() of a missing document rejects with its ID, or gives null on request', async () => {
  const { db, cloud } = wxServer()
  const error = await rejection(db.collection('c').doc('nobody').get())
  assert.equal(error.errCode, -1)
  assert.equal(error.errMsg, 'document.get:fail document with _id nobody does not exist')
  assert.deepEqual(await cloud.database({ throwOnNotFound: false }).collection('c').doc('nobody').get(), { data: null, errMsg: 'document.get:ok' })
})

test('the empty document ID is no mistake until it is used', async () => {
  const { db } = wxServer({ 'documents.update': { matched: 0, modified: 0 } })
  const error = await db.collection('c').doc('').get().catch(error => error)
  assert.match(error.errMsg, /^document\.get:fail document with _id {2}does not exist/)
  assert.deepEqual((await db.collection('c').doc('').update({ data: { a: 1 } })).stats, { updated: 0 })
  for (const id of [undefined, null, {}, NaN]) assert.throws(() => db.collection('c').doc(id), /must be a string or a number/)
})

test('field() with nothing means every field', async () => {
  const { db, host } = wxServer()
  for (const none of [undefined, null, []]) {
    await db.collection('c').field(none).get()
    assert.deepEqual(host.taken(), [['documents.find', { collection: 'c', limit: 100 }]])
  }
  assert.throws(() => db.collection('c').field('a'), /the fields must be an object/)
})

test('doc().field() asks for fields', async () => {
  const { db, host } = wxServer({ 'documents.get': { document: { _id: 7 } } })
  await db.collection('c').doc(7).field({ a: true }).get()
  assert.deepEqual(host.taken(), [['documents.get', { collection: 'c', id: 7, projection: { a: 1 } }]])
})

const errors = [
  [missing, -502005, 'collection.get:fail -502005 database collection not exists. Db or Table not exist: c', false],
  [failure('permission_denied', 'no'), -502003, 'collection.get:fail -502003 database permission denied. no', false],
  [failure('duplicate_key', 'E11000 _id'), -502001, 'collection.get:fail -502001 database request fail. duplicate key: E11000 _id', false],
  [failure('duplicate_key', 'Duplicate key _id'), -502001, 'collection.get:fail -502001 database request fail. Duplicate key _id', false],
  [failure('collection_exists', 'there is a c'), -502001, 'collection.get:fail -502001 database request fail. already exists: there is a c', false],
  [failure('rate_limited', 'slow down'), -501003, 'collection.get:fail -501003 exceed request limit. slow down', true],
  [failure('from_a_newer_server', 'what', { errCode: -509999 }), -509999, 'collection.get:fail -509999 unknown error. what', false],
  [{ error: { reason: 'timeout', message: 'late', retryable: true } }, -501002, 'collection.get:fail -501002 resource server timeout. late', true],
  [new Error('the socket closed'), -1, 'collection.get:fail the socket closed', false]
]
for (const [thrown, errCode, errMsg, retryable] of errors) {
  test(`errors: ${errMsg}`, async () => {
    const { db, host } = wxServer()
    host.replies['documents.find'] = () => { throw thrown }
    const error = await rejection(db.collection('c').get())
    assert.ok(error instanceof Error)
    assert.equal(error.errCode, errCode)
    assert.equal(error.errMsg, errMsg)
    assert.equal(error.message, errMsg)
    assert.equal(error.retryable, retryable)
    if (thrown.requestId) assert.equal(error.requestId, 'req-1')
    assert.equal(JSON.parse(JSON.stringify(error)).errMsg, errMsg, 'code returns errors as results')
  })
}

test('the stack names the line that made the call', async () => {
  const { db } = wxServer({ 'documents.find': missing })
  async function authorsFunction () { return await db.collection('c').get() }
  assert.match((await rejection(authorsFunction())).stack, /authorsFunction/)
})

test('success, fail and complete are called; a failure with a callback is not unhandled', async () => {
  const { db } = wxServer({ 'documents.count': missing })
  const seen = []
  await new Promise(complete => db.collection('c').get({ success: r => seen.push(r.errMsg), fail: () => seen.push('fail'), complete }))
  await new Promise(complete => db.collection('c').count({ success: () => seen.push('ok'), fail: e => seen.push(e.errCode), complete }))
  assert.deepEqual(seen, ['collection.get:ok', -502005])
})

test('any init works, and database() belongs to no request', async () => {
  const host = new FakeHost()
  const cloud = host.modules()['wx-server-sdk']
  const db = cloud.database()
  for (const options of [undefined, {}, { env: cloud.DYNAMIC_CURRENT_ENV }, { env: 'prod-1a2b3c', traceUser: true }, { env: { database: 'x' } }]) cloud.init(options)
  cloud.updateConfig({ env: 'other' })
  for (const argument of [undefined, {}, 'prod-1a2b3c', { env: 'prod-1a2b3c' }]) await cloud.database(argument).collection('c').count()
  await db.collection('c').count()
  assert.equal(host.taken().length, 5)
})

test('getWXContext().SOURCE tells what started the function in the words of wx-server-sdk', () => {
  const { host, cloud } = wxServer()
  const started = (source, caller) => {
    host.request = { requestId: 'r', env: 'app1', source, caller }
    return cloud.getWXContext().SOURCE
  }
  const user = { openId: 'o1' }
  assert.equal(started('client', user), 'wx_client')
  assert.equal(started('function', user), 'wx_client,scf')
  assert.equal(started('function', {}), 'scf')
  assert.equal(started('client', {}), 'client') // not from WeChat
  assert.equal(started('timer'), 'wx_trigger')
  assert.equal(started('http', {}), 'http')
  assert.equal(started('constructor', {}), 'constructor')
})

test('getWXContext: nothing at module load, the caller of the moment in a request', () => {
  const { host, cloud } = wxServer()
  assert.deepEqual(cloud.getWXContext(), {})
  host.request = { requestId: 'r1', env: 'app1', source: 'client', caller: { openId: 'o1', unionId: 'u1', appId: 'wx1', userId: 'id1', clientIp: '1.2.3.4' } }
  assert.deepEqual(cloud.getWXContext(), { OPENID: 'o1', APPID: 'wx1', UNIONID: 'u1', UID: 'id1', CLIENTIP: '1.2.3.4', ENV: 'app1', SOURCE: 'wx_client', REQUESTID: 'r1' })
  host.request = { requestId: 'r2', env: 'app1', source: 'timer' }
  assert.equal(cloud.getWXContext().OPENID, undefined)
  host.request = null
  assert.deepEqual(cloud.getWXContext(), { ENV: 'app1' }, 'the app does not change')
})

test('settings of one slot are not seen in another', async () => {
  const host = new FakeHost()
  const [one, two] = [host.modules(), host.modules()].map(modules => modules['wx-server-sdk'])
  one.init({ throwOnNotFound: false })
  one.marker = 1
  assert.equal(two.marker, undefined)
  assert.throws(() => { one.database().command.eq = null }, TypeError)
  assert.equal((await one.database().collection('c').doc('x').get()).data, null)
  await rejection(two.database().collection('c').doc('x').get())
})

test('callFunction', async () => {
  const { host, cloud } = wxServer({ 'functions.invoke': ({ data }) => ({ result: data.sum === undefined ? null : data.sum }) })
  host.request = { requestId: 'r1', env: 'app1', caller: {} }
  assert.deepEqual(await cloud.callFunction({ name: 'f', data: { sum: 3 }, config: { env: 'x' } }), { result: 3, errMsg: 'callFunction:ok', requestID: 'r1' })
  assert.equal((await cloud.callFunction({ name: 'f' })).result, null)
  assert.deepEqual(host.taken(), [['functions.invoke', { name: 'f', data: { sum: 3 } }], ['functions.invoke', { name: 'f', data: {} }]])
  assert.match((await rejection(cloud.callFunction({}))).errMsg, /callFunction:fail parameter\.name should be string/)
})
test('callFunction of a function that throws', async () => {
  const { cloud } = wxServer({ 'functions.invoke': failure('function_error', 'thrown at once') })
  const error = await rejection(cloud.callFunction({ name: 'f' }))
  assert.equal(error.errCode, -504002)
  assert.equal(error.errMsg, 'callFunction:fail -504002 functions execute fail. thrown at once')
})
const unsupported = {
  'models.post.mermaid': cloud => cloud.models.post.mermaid(),
  'models.$runSQL': cloud => cloud.models.$runSQL('select 1'),
  'extend.AI.createModel': cloud => cloud.extend.AI.createModel('x'),
  callContainer: cloud => cloud.callContainer({}),
  listCollections: cloud => cloud.database().listCollections(),
  'collection.createIndex': cloud => cloud.database().collection('c').createIndex({})
}
for (const [name, use] of Object.entries(unsupported)) {
  test(`${name} fails when called, never when mentioned`, async () => {
    const { cloud } = wxServer()
    const error = await rejection(use(cloud))
    assert.equal(error.errCode, -604100)
    assert.equal(error.reason, 'unsupported_call')
    assert.ok(error.errMsg.startsWith(name + ':fail'), error.errMsg)
  })
}
test('watch is refused through its listener', async () => {
  const { db } = wxServer()
  for (const target of [db.collection('c').where({ a: 1 }), db.collection('c').doc('x')]) {
    let listener
    const error = await new Promise(resolve => { listener = target.watch({ onChange () {}, onError: resolve }) })
    assert.equal(error.reason, 'unsupported_call')
    await listener.close()
  }
})
test('namespaces can be awaited, printed and destructured', async () => {
  const { cloud } = wxServer()
  assert.equal(await cloud.openapi, cloud.openapi)
  const { security } = cloud.openapi
  assert.equal(typeof security.imgSecCheck, 'function')
  assert.equal(typeof String(cloud.openapi.wxacode), 'string')
  assert.equal(typeof require('node:util').inspect(cloud), 'string')
})

test('logger writes objects of any kind', () => {
  const { cloud, host } = wxServer()
  const loop = {}
  loop.self = loop
  const log = cloud.logger()
  log.log({ a: 1 })
  log.info('text')
  log.warn({ b: 2 })
  log.error(loop)
  assert.deepEqual(host.logs.slice(0, 3), [['info', '{"a":1}'], ['info', 'text'], ['warn', '{"b":2}']])
  assert.equal(host.logs[3][0], 'error')
})

test('Cloud, createNewInstance and registerService', async () => {
  const { cloud } = wxServer()
  const other = new cloud.Cloud({ resourceAppid: 'wx2', resourceEnv: 'e2' })
  await other.init()
  assert.equal((await other.database().collection('c').count()).total, 0)
  assert.equal(typeof cloud.createNewInstance({}).database, 'function')
  cloud.registerService({ createService: () => ({ name: 's', getAPIs: () => ({ greet: () => 'hello' }) }) })
  cloud.registerService({ createService: () => ({ name: 'n', getNamespace: () => ({ namespace: 'space', apis: { one: 1 } }) }) })
  assert.equal(cloud.greet(), 'hello')
  cloud.registerService({ createService: inner => ({ name: 'i', getAPIs: () => ({ ask: () => inner.getAPIs().callContainer({}), say: () => inner.getAPIs().greet() }) }) })
  assert.equal(cloud.say(), 'hello')
  assert.equal((await rejection(cloud.ask())).reason, 'unsupported_call')
  assert.equal(cloud.space.one, 1)
})

test('members can be taken off the module', async () => {
  const { database, callFunction, getWXContext } = wxServer({ 'functions.invoke': { result: 1 } }).cloud
  assert.equal((await database().collection('c').count()).total, 0)
  assert.equal((await callFunction({ name: 'f' })).result, 1)
  assert.deepEqual(getWXContext(), {})
})

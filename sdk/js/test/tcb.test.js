'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { FakeHost, failure, rejection } = require('./support')

function load (name, replies) {
  const host = new FakeHost(replies)
  host.request = { requestId: 'r1', env: 'app1', source: 'wx_client', caller: { openId: 'o1', appId: 'wx1', userId: 'id1', provider: 'wechat', clientIp: '1.2.3.4' } }
  return { host, sdk: host.modules()[name] }
}
const replies = {
  'documents.find': { documents: [{ _id: 'a', at: { $date: '1970-01-01T00:00:00Z' } }] },
  'documents.get': ({ id }) => ({ document: id === 'none' ? null : { _id: 'x' } }),
  'documents.insert': { insertedIds: ['1', '2'] },
  'documents.update': ({ upsert }) => upsert ? { matched: 0, modified: 0, upsertedId: 'x' } : { matched: 1, modified: 1 },
  'documents.findAndUpdate': { matched: 1, modified: 1, document: { n: 2 } },
  'documents.delete': { deleted: 2 },
  'documents.count': { total: 5 },
  'documents.aggregate': { documents: [{ n: 1 }] },
  'functions.invoke': { result: { a: 1 } },
  'files.urls': { files: [{ fileId: 'a', url: 'http://x/a', maxAge: 60 }, { fileId: 'b', error: { reason: 'file_not_found' } }] },
  'files.delete': { files: [{ fileId: 'a' }] },
  'files.write': { fileId: 'cloud://app/f' }
}
const missing = failure('collection_not_found', 'Db or Table not exist: c')

for (const name of ['@cloudbase/node-sdk', 'tcb-admin-node']) {
  test(`${name}: results`, async () => {
    const { sdk } = load(name, replies)
    const app = sdk.init({ env: sdk.SYMBOL_CURRENT_ENV })
    const db = app.database()
    const c = db.collection('c')
    assert.deepEqual(await c.where({ a: 1 }).get(), { data: [{ _id: 'a', at: new Date(0) }], requestId: 'r1' })
    assert.deepEqual(await c.doc('x').get(), { data: [{ _id: 'x' }], requestId: 'r1' })
    assert.deepEqual(await c.doc('none').get(), { data: [], requestId: 'r1' })
    assert.deepEqual(await c.add({ a: 1 }), { id: '1', requestId: 'r1' })
    assert.deepEqual(await c.add([{ a: 1 }, {}]), { ids: ['1', '2'], requestId: 'r1' })
    assert.deepEqual(await c.doc('x').update({ n: db.command.inc(1) }), { updated: 1, requestId: 'r1' })
    assert.deepEqual(await c.where({ a: 1 }).update({ a: 2 }), { updated: 1, requestId: 'r1' })
    assert.deepEqual(await c.doc('x').set({ a: 1 }), { updated: 0, upsertedId: 'x', requestId: 'r1' })
    assert.deepEqual(await c.where({}).updateAndReturn({ n: 2 }), { updated: 1, doc: { n: 2 }, requestId: 'r1' })
    assert.deepEqual(await c.doc('x').remove(), { deleted: 2, requestId: 'r1' })
    assert.deepEqual(await c.count(), { total: 5, requestId: 'r1' })
    assert.deepEqual(await c.aggregate().limit(1).end(), { data: [{ n: 1 }], requestId: 'r1' })
    assert.deepEqual(await db.createCollection('c'), { data: {}, requestId: 'r1' })
    assert.deepEqual(await app.callFunction({ name: 'f', data: {} }), { result: { a: 1 }, requestId: 'r1' })
    assert.deepEqual(await app.uploadFile({ cloudPath: 'f', fileContent: Buffer.from('x') }), { fileID: 'cloud://app/f', requestId: 'r1' })
    assert.deepEqual(await app.getTempFileURL({ fileList: ['a', 'b'] }), {
      fileList: [{ fileID: 'a', tempFileURL: 'http://x/a', maxAge: 60, code: 'SUCCESS' }, { fileID: 'b', tempFileURL: '', maxAge: undefined, code: 'STORAGE_FILE_NONEXIST' }], requestId: 'r1'
    })
    assert.deepEqual(await app.deleteFile({ fileList: ['a'] }), { fileList: [{ fileID: 'a', code: 'SUCCESS' }], requestId: 'r1' })
  })

  test(`${name}: who called`, () => {
    const { sdk, host } = load(name)
    const auth = sdk.init({}).auth()
    assert.deepEqual(auth.getUserInfo(), { openId: 'o1', appId: 'wx1', uid: 'id1', customUserId: '', isAnonymous: false })
    assert.equal(auth.getClientIP(), '1.2.3.4')
    host.request = null
    assert.deepEqual(auth.getUserInfo(), { openId: '', appId: '', uid: '', customUserId: '', isAnonymous: false })
  })

  test(`${name}: transactions have their own shapes and always reject`, async () => {
    const { sdk, host } = load(name, replies)
    const db = sdk.init({}).database()
    const t = await db.startTransaction()
    const c = t.collection('c')
    assert.deepEqual(await c.doc('x').get(), { data: { _id: 'x' }, requestId: 'r1' })
    assert.deepEqual(await c.doc('none').get(), { data: null, requestId: 'r1' })
    assert.deepEqual(await c.add({}), { inserted: 2, ok: 1, id: '1', requestId: 'r1' })
    assert.deepEqual(await c.doc('x').set({ a: 1 }), { updated: 0, upserted: [{ _id: 'x' }], requestId: 'r1' })
    assert.deepEqual(await t.commit(), { requestId: 'r1' })
    host.replies['documents.delete'] = missing
    const error = await rejection(db.runTransaction(t => t.collection('c').doc('x').remove()))
    assert.equal(error.code, 'DATABASE_COLLECTION_NOT_EXIST')
    assert.equal(await rejection(db.runTransaction(t => t.rollback('why'))), 'why')
  })

  test(`${name}: a conflict is retried and has its code`, async () => {
    const { sdk, host } = load(name, { 'documents.update': failure('transaction_conflict', 'x') })
    const error = await rejection(sdk.init({}).database().runTransaction(t => t.collection('c').doc('x').update({ a: 1 }), 2))
    assert.equal(error.code, 'DATABASE_TRANSACTION_CONFLICT')
    assert.equal(host.taken().filter(([operation]) => operation === 'documents.begin').length, 2)
  })
}

test('node-sdk rejects with code, message and requestId', async () => {
  const { sdk } = load('@cloudbase/node-sdk', { 'documents.find': missing })
  const app = sdk.init({})
  const error = await rejection(app.database().collection('c').get())
  assert.ok(error instanceof Error)
  assert.deepEqual({ ...error, message: error.message }, { code: 'DATABASE_COLLECTION_NOT_EXIST', requestId: 'req-1', message: 'Db or Table not exist: c' })
  assert.equal((await rejection(app.callWxPayApi({}))).message, 'callWxPayApi is not supported here')
  assert.equal((await rejection(app.database().collection('c').doc('x').update({ _id: 1 }))).code, 'INVALID_PARAM')
})

test('tcb-admin-node resolves failures to code and message, before and after init', async () => {
  const { sdk } = load('tcb-admin-node', { 'documents.find': missing })
  const expected = { code: 'DATABASE_COLLECTION_NOT_EXIST', message: 'Db or Table not exist: c', requestId: 'req-1' }
  assert.deepEqual(await sdk.database().collection('c').get(), expected)
  assert.deepEqual(await sdk.init({ env: 'x' }).database().collection('c').get(), expected)
})

test('node-sdk: getEndUserInfo, parseContext, getCloudbaseContext, logger', async () => {
  const { sdk, host } = load('@cloudbase/node-sdk')
  const app = sdk.init()
  assert.equal((await app.auth().getEndUserInfo()).userInfo.openId, 'o1')
  assert.equal((await rejection(app.auth().getEndUserInfo('other'))).code, 'INVALID_PARAM')
  const context = { memory_limit_in_mb: 256, time_limit_in_ms: 3000, request_id: 'q', function_version: '$LATEST', function_name: 'f', namespace: 'n' }
  const parsed = { memoryLimitInMb: 256, timeLimitIns: 3000, requestId: 'q', functionVersion: '$LATEST', functionName: 'f', namespace: 'n', environ: { A: 'b', C: 'd=e' } }
  assert.deepEqual(sdk.parseContext({ ...context, environ: 'A=b;C=d=e' }), parsed)
  assert.deepEqual(sdk.parseContext({ ...context, environment: '{"A":"b","C":"d=e"}' }), parsed)
  assert.throws(() => sdk.parseContext(), TypeError)
  assert.deepEqual(sdk.getCloudbaseContext(), {
    TCB_ENV: 'app1', SCF_NAMESPACE: 'app1', TCB_SOURCE: 'wx_client', TCB_SOURCE_IP: '1.2.3.4', TCB_UUID: 'id1', WX_OPENID: 'o1', WX_APPID: 'wx1'
  })
  app.logger().warn({ a: 1 })
  assert.deepEqual(host.logs, [['warn', '{"a":1}']])
})

'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { FakeServer, problem } = require('./fake-server')
const { FakeWx } = require('./fake-wx')
const { rejection } = require('./support')
const cloud = require('../miniprogram')

let server
let wx
before(async () => { server = await new FakeServer().start() })
after(() => server.stop())
beforeEach(() => {
  wx = global.wx = new FakeWx()
  server.taken()
  server.replies = {}
  server.expiresIn = 7200
})

/** A fresh instance, as after the start of the app. */
function started (options) {
  const it = new cloud.Cloud()
  it.init({ env: 'app1', endpoint: server.url, traceUser: true, ...options })
  return it
}
const paths = () => server.taken().map(({ method, path }) => `${method} ${path.replace('/v1/apps/app1', '')}`)

test('before init calls fail with a clear text', async () => {
  const it = new cloud.Cloud()
  assert.throws(() => it.database(), /call cloud\.init first/)
  assert.match((await rejection(it.callFunction({ name: 'f' }))).errMsg, /call cloud\.init first/)
  await new Promise(fail => it.uploadFile({ cloudPath: 'x', filePath: 'y', fail }))
})
test('init wants an app and an address', () => {
  for (const options of [{}, { env: 'app1' }, { endpoint: server.url }, { env: 'app1', endpoint: 'ftp://x' }, { env: 'app1', endpoint: '/relative' }]) {
    assert.throws(() => new cloud.Cloud().init(options), error => error.errCode === -1)
  }
  new cloud.Cloud().init({ env: { database: 'app1' }, endpoint: server.url + '/' })
})

test('the first call logs in by itself, the next ones use the token', async () => {
  const it = started()
  const { result, errMsg, requestID } = await it.callFunction({ name: 'echo', data: { a: 1 } })
  assert.deepEqual(result, { event: { a: 1 }, user: { id: 'user-code1', provider: 'wechat' } })
  assert.equal(errMsg, 'cloud.callFunction:ok')
  assert.equal(requestID, 'req-http')
  await it.callFunction({ name: 'echo' })
  assert.deepEqual(paths(), ['POST /auth/wechat', 'POST /functions/echo', 'POST /functions/echo'])
})

test('the vendor\'s package for data models works on collections, under their rules', async () => {
  const it = started()
  server.replies['POST /v1/apps/app1/documents/order/find'] = () => ({ json: { documents: [{ _id: 'a' }] } })
  const ask = methodName => it.callFunction({ name: 'lowcode-datasource', data: { dataSourceName: 'order', methodName, params: { filter: { where: { _openid: { $eq: 'o' } } }, pageSize: 5 }, envType: 'prod', mode: undefined } })
  assert.deepEqual((await ask('wedaGetRecordsV2')).result.data, { records: [{ _id: 'a' }] })
  const sent = server.taken().filter(({ path }) => path.includes('/documents/'))
  assert.deepEqual(sent.map(({ body }) => body), [{ filter: { _openid: { $eq: 'o' } }, skip: 0, limit: 5 }])
  assert.equal((await rejection(ask('callWedaApi'))).reason, 'unsupported_call')
  assert.equal((await rejection(it.callFunction({ name: 'nobody' }))).reason, 'function_not_found')
  server.replies['POST /v1/apps/app1/documents/order/find'] = () => problem(403, 'permission_denied', 'forbidden')
  assert.equal((await rejection(ask('wedaGetRecordsV2'))).reason, 'permission_denied')
})

test('calls at the same time share one login', async () => {
  const it = started()
  await Promise.all(Array.from({ length: 10 }, () => it.callFunction({ name: 'echo' })))
  assert.equal(wx.logins, 1)
})

test('the token outlives a restart of the app', async () => {
  await started().callFunction({ name: 'echo' })
  await started().callFunction({ name: 'echo' })
  assert.equal(wx.logins, 1)
})

test('unreadable storage is as good as none', async () => {
  await started().callFunction({ name: 'echo' })
  for (const broken of ['{', '5', '{"accessToken":1}', 'null']) {
    for (const key of [...wx.storage.keys()]) wx.storage.set(key, broken)
    await started().callFunction({ name: 'echo' })
  }
  assert.equal(wx.logins, 5)
})

test('a token that is about to expire is renewed first, once for all', async () => {
  server.expiresIn = 0
  const it = started()
  await it.callFunction({ name: 'echo' })
  server.expiresIn = 7200
  server.taken()
  await Promise.all([it.callFunction({ name: 'echo' }), it.callFunction({ name: 'echo' })])
  assert.deepEqual(paths(), ['POST /auth/refresh', 'POST /functions/echo', 'POST /functions/echo'])
  assert.equal(wx.logins, 1)
})

test('a token that the server finds expired is renewed and the call repeated', async () => {
  const it = started()
  await it.callFunction({ name: 'echo' })
  server.sessions.clear()
  server.taken()
  assert.equal((await it.callFunction({ name: 'echo' })).errMsg, 'cloud.callFunction:ok')
  assert.deepEqual(paths(), ['POST /functions/echo', 'POST /auth/refresh', 'POST /functions/echo'])
})

test('a session that was ended leads to a new login', async () => {
  const it = started()
  await it.callFunction({ name: 'echo' })
  server.sessions.clear()
  server.refreshTokens.clear()
  server.taken()
  await it.callFunction({ name: 'echo' })
  assert.deepEqual(paths(), ['POST /functions/echo', 'POST /auth/refresh', 'POST /auth/wechat', 'POST /functions/echo'])
})

test('a refused login fails the calls, and the next call tries again', async () => {
  wx.code = 'bad'
  const it = started()
  const errors = await Promise.all([rejection(it.callFunction({ name: 'echo' })), rejection(it.database().collection('c').get())])
  assert.deepEqual(errors.map(e => e.errMsg), ['cloud.callFunction:fail -501008 invalid request source. refused: login_failed', 'collection.get:fail -501008 invalid request source. refused: login_failed'])
  wx.code = 'good'
  await it.callFunction({ name: 'echo' })
  wx.loginRefused = true
  assert.match((await rejection(started({ env: 'app2' }).callFunction({ name: 'echo' }))).errMsg, /login:fail auth deny/)
})

test('no network: a retryable error, and the session stays', async () => {
  const it = started()
  await it.callFunction({ name: 'echo' })
  wx.offline = true
  const error = await rejection(it.callFunction({ name: 'echo' }))
  assert.match(error.errMsg, /^cloud\.callFunction:fail request:fail/)
  assert.equal(error.retryable, true)
  wx.offline = false
  await it.callFunction({ name: 'echo' })
  assert.equal(wx.logins, 1)
})

test('errors of the server have number, text and request ID', async () => {
  const error = await rejection(started().callFunction({ name: 'none' }))
  assert.equal(error.errCode, -504001)
  assert.equal(error.errMsg, 'cloud.callFunction:fail -504001 functions request fail. refused: function_not_found')
  assert.equal(error.requestId, 'req-http')
})
test('an answer that is not ours is an error, not a result', async () => {
  const it = started()
  server.replies['POST /v1/apps/app1/functions/echo'] = () => ({ status: 502, raw: '<html>bad gateway</html>' })
  const error = await rejection(it.callFunction({ name: 'echo' }))
  assert.match(error.errMsg, /answered 502/)
  assert.equal(error.retryable, true)
  server.replies['POST /v1/apps/app1/functions/echo'] = () => ({ status: 200, raw: '<html>captive portal</html>' })
  assert.match((await rejection(it.callFunction({ name: 'echo' }))).errMsg, /answered 200 with no readable result/)
})

test('any JSON value is a result', async () => {
  const it = started()
  for (const value of [null, 0, '', 'text', '5', false, [], { error: { reason: 'mine' } }]) {
    server.replies['POST /v1/apps/app1/functions/echo'] = () => ({ json: value })
    assert.deepEqual((await it.callFunction({ name: 'echo' })).result, value)
  }
})

test('callbacks instead of promises', async () => {
  const it = started()
  const seen = []
  await new Promise(complete => it.callFunction({ name: 'echo', success: r => seen.push(r.errMsg), complete }))
  await new Promise(complete => it.callFunction({ name: 'none', fail: e => seen.push(e.errCode), complete }))
  await new Promise(complete => it.database().collection('c').where({ a: 1 }).get({ success: r => seen.push(r.data.length), complete }))
  await new Promise(complete => it.database().collection('c').add({ data: { a: 1 }, success: r => seen.push(r._id), complete }))
  assert.deepEqual(seen, ['cloud.callFunction:ok', -504001, 1, 'id0'])
})

test('the database: addresses, bodies, and 20 documents by default', async () => {
  const it = started()
  const db = it.database()
  const _ = db.command
  await it.callFunction({ name: 'echo' })
  server.taken()
  assert.deepEqual((await db.collection('备忘 notes').where({ a: _.gt(1) }).get()).data, [{ _id: 'x', at: new Date(0), collection: '备忘 notes' }])
  await db.collection('c').limit(50).get()
  await db.collection('c').doc('x').update({ data: { n: _.inc(1) } })
  await db.collection('c').count()
  await db.collection('c').doc('x').remove()
  await db.runTransaction(t => t.collection('c').doc('x').set({ data: { a: 1 } }))
  assert.deepEqual(server.taken().map(({ path, body }) => [path, body]), [
    [`/v1/apps/app1/documents/${encodeURIComponent('备忘 notes')}/find`, { filter: { a: { $gt: 1 } }, limit: 20 }],
    ['/v1/apps/app1/documents/c/find', { limit: 50 }],
    ['/v1/apps/app1/documents/c/update', { filter: { _id: 'x' }, update: { $inc: { n: 1 } } }],
    ['/v1/apps/app1/documents/c/count', {}],
    ['/v1/apps/app1/documents/c/delete', { filter: { _id: 'x' } }],
    ['/v1/apps/app1/documents/begin', {}],
    ['/v1/apps/app1/documents/c/update', { filter: { _id: 'x' }, update: { a: 1 }, upsert: true, transaction: 'tx1' }],
    ['/v1/apps/app1/documents/commit', { transaction: 'tx1' }]
  ])
  assert.match((await rejection(db.collection('c').doc('nobody').get())).errMsg, /document\.get:fail document with _id nobody does not exist/)
})

test('files: upload, address, download, delete', async () => {
  const it = started()
  wx.localFiles.set('wxfile://photo', Buffer.from([1, 2, 3, 250]))
  const progress = []
  const upload = await it.uploadFile({ cloudPath: '相册/a b.png', filePath: 'wxfile://photo', onProgressUpdate: p => progress.push(p.progress) })
  assert.deepEqual(upload, { fileID: 'cloud://app1/相册/a b.png', statusCode: 200, errMsg: 'cloud.uploadFile:ok' })
  assert.deepEqual(progress, [50, 100])
  const [, grant, put] = server.taken()
  assert.deepEqual(grant.body, { path: '相册/a b.png', size: 4 })
  assert.equal(put.method, 'POST')
  assert.deepEqual([...put.body], [1, 2, 3, 250])
  assert.equal(put.headers['x-ticket'], 't1')
  assert.equal(put.token, undefined, 'the bytes may go to an object store: no token')

  const { fileList } = await it.getTempFileURL({ fileList: [upload.fileID, 'cloud://app1/none'] })
  assert.ok(fileList[0].tempFileURL.startsWith(server.url + '/bytes/'))
  assert.deepEqual([fileList[0].status, fileList[1].status], [0, -503003])
  const seen = []
  const down = it.downloadFile({ fileID: upload.fileID })
  down.onProgressUpdate(p => seen.push(p.progress))
  const { tempFilePath, statusCode } = await down
  assert.equal(statusCode, 200)
  assert.deepEqual([...wx.localFiles.get(tempFilePath)], [1, 2, 3, 250])
  assert.deepEqual(seen, [100])
  assert.deepEqual((await it.deleteFile({ fileList: [upload.fileID] })).fileList, [{ fileID: upload.fileID, status: 0, errMsg: 'ok' }])
  assert.equal((await rejection(it.downloadFile({ fileID: upload.fileID }))).errCode, -503003)
})

test('an upload that the file server refuses fails', async () => {
  const it = started()
  wx.localFiles.set('f', Buffer.from('x'))
  server.replies['POST /bytes/x?ticket=1'] = () => problem(413, 'file_too_large', 'too_large')
  assert.equal((await rejection(it.uploadFile({ cloudPath: 'x', filePath: 'f' }))).errCode, -503001)
  server.replies['POST /bytes/x?ticket=1'] = () => ({ status: 403, raw: '<Error>SignatureDoesNotMatch</Error>' })
  assert.match((await rejection(it.uploadFile({ cloudPath: 'x', filePath: 'f' }))).errMsg, /the file server answered 403/)
  assert.match((await rejection(it.uploadFile({ cloudPath: 'x', filePath: 'missing' }))).errMsg, /no such file/)
})

test('an upload can be aborted, before and while it runs', async () => {
  const it = started()
  wx.localFiles.set('f', Buffer.from('x'))
  const early = it.uploadFile({ cloudPath: 'x', filePath: 'f' })
  early.abort()
  assert.match((await rejection(early)).errMsg, /abort/)
  const late = it.uploadFile({ cloudPath: 'x', filePath: 'f' })
  server.replies['POST /bytes/x?ticket=1'] = () => { late.abort(); return new Promise(() => {}) }
  assert.match((await rejection(late)).errMsg, /^cloud\.uploadFile:fail uploadFile:fail abort/)
})

test('CloudID, with and without new, travels as {cloudID}', async () => {
  const it = started()
  assert.equal(it.CloudID({ encryptedData: 'c2VhbGVk', iv: 'aXY=' }).cloudID, 'yd1.aXY=.c2VhbGVk')
  const { result } = await it.callFunction({ name: 'echo', data: { phone: it.CloudID('38_x'), run: new it.CloudID('39_y') } })
  assert.deepEqual(result.event, { phone: { cloudID: '38_x' }, run: { cloudID: '39_y' } })
})

test('the module itself is a cloud, and its members can be taken off', async () => {
  const { init, callFunction, database } = cloud
  init({ env: 'app1', endpoint: server.url })
  assert.equal((await callFunction({ name: 'echo' })).errMsg, 'cloud.callFunction:ok')
  assert.equal((await database().collection('c').count()).total, 3)
})

test('two apps keep their sessions apart', async () => {
  await started().callFunction({ name: 'echo' })
  server.replies['POST /v1/apps/app2/auth/wechat'] = () => ({ json: server.tokens({ id: 'second' }) })
  const second = new cloud.Cloud({ resourceEnv: 'app2', endpoint: server.url })
  await second.init()
  assert.equal(wx.logins, 1)
  await rejection(second.callFunction({ name: 'none' }))
  assert.equal(wx.logins, 2)
})

// @cloudbase/js-sdk 1.8.4 on the web endpoint.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const adapter = require('./adapter')
const { start } = require('./server')

let server
before(async () => { server = await start() })
after(() => server.stop())

/** A client of its own, as if on another device. */
function client () {
  for (const file of Object.keys(require.cache)) if (file.includes('js-sdk-1')) delete require.cache[file]
  const loaded = require('js-sdk-1')
  const sdk = loaded.default || loaded
  sdk.useAdapters(adapter())
  const app = sdk.init({ env: server.app, appSign: 'tests', appSecret: { appAccessKeyId: '1', appAccessKey: 'key' } })
  app.registerEndPoint(`//${server.host}/web`, 'http:')
  return { app, auth: app.auth(), db: app.database() }
}

test('anonymous sign-in, and again as the same user', async () => {
  const c = client()
  const state = await c.auth.anonymousAuthProvider().signIn()
  assert.ok(state.user.uid)
  const again = await c.auth.anonymousAuthProvider().signIn()
  assert.equal(again.user.uid, state.user.uid)
  assert.equal(again.user.loginType, 'ANONYMOUS')
})

test('a user by name and password, signed out again', async () => {
  await server.manage('POST', '/users', { username: 'one', password: 'Pw-12345678' })
  const c = client()
  await assert.rejects(c.auth.signInWithUsernameAndPassword('one', 'wrong-password'))
  const state = await c.auth.signInWithUsernameAndPassword('one', 'Pw-12345678')
  assert.equal(state.user.username, 'one')
  assert.equal(await c.auth.isUsernameRegistered('one'), true)
  assert.equal(await c.auth.isUsernameRegistered('nobody'), false)
  await c.auth.signOut()
  assert.ok(!(await c.auth.getLoginState()))
})

test('documents', async () => {
  const c = client()
  await c.auth.anonymousAuthProvider().signIn()
  const notes = c.db.collection('notes')
  const at = new Date('2024-05-06T07:08:09.123Z')
  const { id } = await notes.add({ n: 1, at, sd: c.db.serverDate(), loc: new c.db.Geo.Point(113, 23), big: 2 ** 40 })
  await notes.add({ n: 2, tags: ['a', 'b'] })
  const doc = (await notes.doc(id).get()).data[0]
  assert.equal(new Date(doc.at).getTime(), at.getTime())
  assert.ok(Math.abs(new Date(doc.sd) - Date.now()) < 60000)
  assert.equal(doc.big, 2 ** 40)
  assert.deepEqual([doc.loc.longitude, doc.loc.latitude], [113, 23])
  const _ = c.db.command
  assert.equal((await notes.where({ n: _.gt(1) }).get()).data.length, 1)
  assert.equal((await notes.where({ at: _.gt(new Date(0)) }).count()).total, 1)
  assert.deepEqual((await notes.orderBy('n', 'desc').limit(1).field({ n: true }).get()).data.map(d => d.n), [2])
  assert.equal((await notes.doc(id).update({ n: _.inc(5) })).updated, 1)
  await notes.doc('made').set({ n: 9 })
  assert.equal((await notes.where({ n: _.gte(6) }).get()).data.length, 2)
  const sum = await notes.aggregate().match({ n: _.gte(0) }).group({ _id: null, sum: _.aggregate.sum('$n') }).end()
  assert.equal(sum.data[0].sum, 17)
  assert.equal((await notes.where({ n: _.gte(0) }).remove()).deleted, 3)
})

test('transactions', async () => {
  const c = client()
  await c.auth.anonymousAuthProvider().signIn()
  const notes = c.db.collection('notes')
  const { id } = await notes.add({ n: 1 })
  await c.db.runTransaction(async t => {
    const doc = (await t.collection('notes').doc(id).get()).data
    assert.equal(doc.n, 1)
    assert.equal((await t.collection('notes').doc(id).update({ n: doc.n + 1 })).updated, 1)
    await t.collection('notes').add({ _id: 'in-transaction-1', n: 5 })
    assert.equal((await t.collection('notes').doc('never').get()).data, null)
  })
  assert.equal((await notes.doc(id).get()).data[0].n, 2)
  assert.equal((await notes.doc('in-transaction-1').get()).data[0].n, 5)
})

test('another user sees and changes nothing of it', async () => {
  const [li, han] = [client(), client()]
  await li.auth.anonymousAuthProvider().signIn()
  const { id } = await li.db.collection('notes').add({ secret: 1 })
  await han.auth.anonymousAuthProvider().signIn()
  assert.deepEqual((await han.db.collection('notes').doc(id).get()).data, [])
  assert.equal((await han.db.collection('notes').doc(id).update({ secret: 2 })).updated, 0)
  assert.equal((await han.db.collection('notes').doc(id).remove()).deleted, 0)
  await han.db.collection('shop').add({ forged: true }).then(r => assert.ok(r.code), () => {})
  assert.equal((await li.db.collection('notes').doc(id).get()).data[0].secret, 1)
})

test('functions and files', async () => {
  const c = client()
  await c.auth.anonymousAuthProvider().signIn()
  const { result } = await c.app.callFunction({ name: 'echo', data: { a: [1, '云'] } })
  assert.deepEqual(result.event.a, [1, '云'])
  await c.app.callFunction({ name: 'secret' }).then(r => assert.ok(r.code), () => {})
  const bytes = Buffer.from([0, 255, 13, 10])
  const { fileID } = await c.app.uploadFile({ cloudPath: 'one/照片 1.bin', filePath: bytes })
  const { fileList } = await c.app.getTempFileURL({ fileList: [fileID] })
  assert.deepEqual(Buffer.from(await (await fetch(fileList[0].tempFileURL)).arrayBuffer()), bytes)
  assert.equal((await c.app.deleteFile({ fileList: [fileID] })).fileList[0].code, 'SUCCESS')
})

// @cloudbase/js-sdk 2.32.0: documents on the web endpoint, sign-in and the rest on the others.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const adapter = require('./adapter')
const { start } = require('./server')

let server
before(async () => { server = await start() })
after(() => server.stop())

function client () {
  for (const file of Object.keys(require.cache)) if (file.includes('js-sdk-2')) delete require.cache[file]
  const loaded = require('js-sdk-2')
  const sdk = loaded.default || loaded
  sdk.useAdapters(adapter())
  const app = sdk.init({ env: server.app })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { app, auth: app.auth({ persistence: 'local' }), db: app.database() }
}

test('sign-in by name, documents, functions', async () => {
  await server.manage('POST', '/users', { username: 'two', password: 'Pw-12345678' })
  const c = client()
  await c.auth.signIn({ username: 'two', password: 'Pw-12345678' })
  const notes = c.db.collection('notes')
  const at = new Date('2024-05-06T07:08:09.123Z')
  const { id } = await notes.add({ n: 1, at })
  const doc = (await notes.doc(id).get()).data[0]
  assert.equal(new Date(doc.at).getTime(), at.getTime())
  const _ = c.db.command
  await notes.doc(id).update({ n: _.inc(2) })
  assert.equal((await notes.where({ n: 3 }).count()).total, 1)
  await c.db.runTransaction(async t => {
    assert.equal((await t.collection('notes').doc(id).get()).data.n, 3)
    await t.collection('notes').doc(id).update({ n: 4 })
  })
  const { data } = await notes.aggregate().match({ n: 4 }).project({ _id: 0, n: 1 }).end()
  assert.deepEqual(data, [{ n: 4 }])
  assert.equal((await c.app.callFunction({ name: 'echo', data: { a: 1 } })).result.event.a, 1)
})

test('a guest, who sees nothing of it', async () => {
  const c = client()
  await c.auth.signInAnonymously()
  assert.deepEqual((await c.db.collection('notes').get()).data, [])
  await c.app.callFunction({ name: 'secret' }).then(r => assert.ok(r.code || r.error), () => {})
})

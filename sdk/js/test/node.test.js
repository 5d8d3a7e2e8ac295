'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const { FakeServer } = require('./fake-server')
const { rejection } = require('./support')
const sdk = require('../node')

let server
let app
before(async () => {
  server = await new FakeServer().start()
  server.sessions.set('key1', { id: 'owner' })
  app = sdk.init({ app: 'app1', endpoint: server.url, apiKey: 'key1' })
})
after(() => server.stop())
beforeEach(() => server.taken())

test('every request carries the key', async () => {
  const db = app.database()
  await db.collection('c').add({ data: [{ a: 1 }, { a: 2 }] })
  await app.callFunction({ name: 'echo' })
  assert.ok(server.taken().every(({ token }) => token === 'key1'))
})

test('collections are managed under /v1/manage', async () => {
  server.replies['POST /v1/manage/apps/app1/collections'] = ({ body }) => ({ json: { made: body } })
  server.replies['GET /v1/manage/apps/app1/collections'] = () => ({ json: { collections: [{ name: 'c', documents: 1, bytes: 2 }] } })
  assert.deepEqual(await app.database().createCollection('c'), { errMsg: 'createCollection:ok' })
  assert.deepEqual((await app.database().collections()).collections, [{ name: 'c', documents: 1, bytes: 2 }])
  assert.deepEqual(server.taken().map(({ method, body }) => [method, body]), [['POST', { collection: 'c' }], ['GET', undefined]])
})

const contents = {
  Buffer: () => Buffer.from('hello'),
  Uint8Array: () => new Uint8Array(Buffer.from('hello')),
  text: () => 'hello',
  Blob: () => new Blob(['hello']),
  stream: () => Readable.from(['hel', Buffer.from('lo')])
}
for (const [name, make] of Object.entries(contents)) {
  test(`upload and download: ${name}`, async () => {
    const { fileID } = await app.uploadFile({ cloudPath: 'dir/a.txt', fileContent: make(), contentType: 'text/plain' })
    assert.deepEqual(server.taken()[0].body, { path: 'dir/a.txt', size: 5, contentType: 'text/plain' })
    const { fileContent } = await app.downloadFile({ fileID })
    assert.equal(fileContent.toString(), 'hello')
  })
}

test('a wrong key is refused once, not tried for ever', async () => {
  const error = await rejection(sdk.init({ app: 'app1', endpoint: server.url, apiKey: 'wrong' }).callFunction({ name: 'echo' }))
  assert.equal(error.reason, 'token_expired')
  assert.equal(server.taken().length, 1)
})

test('mistakes are named', async () => {
  assert.throws(() => sdk.init({ app: 'app1', endpoint: server.url }), /apiKey/)
  assert.throws(() => sdk.init({ endpoint: server.url, apiKey: 'k' }), /app must be/)
  assert.match((await rejection(app.uploadFile({ cloudPath: 'a' }))).errMsg, /fileContent should be/)
  assert.match((await rejection(app.uploadFile({ fileContent: 'a' }))).errMsg, /cloudPath/)
})

'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { FakeServer, problem } = require('./fake-server')
const { rejection } = require('./support')
const web = require('../web')
const { Session } = require('../core/session')
const { Http } = require('../core/http')
const { fetchSend } = require('../core/fetch')

let server
before(async () => { server = await new FakeServer().start() })
after(() => server.stop())
beforeEach(() => { server.taken(); server.replies = {}; server.expiresIn = 7200 })

/** What localStorage is to a page. */
class Storage {
  constructor () { this.items = new Map() }
  getItem (key) { return this.items.has(key) ? this.items.get(key) : null }
  setItem (key, value) { this.items.set(key, String(value)) }
  removeItem (key) { this.items.delete(key) }
}
const open = (storage = new Storage()) => web.init({ app: 'app1', endpoint: server.url, storage })

test('signing in, and what listeners hear', async () => {
  const app = open()
  const heard = []
  const stop = app.auth.onAuthChange(user => heard.push(user && user.id))
  assert.equal(app.auth.currentUser, null)
  assert.equal((await app.auth.signInAnonymously()).id, 'user-anonymous')
  assert.equal((await app.auth.signInWithPassword({ username: 'li', password: 'right' })).id, 'user-li')
  assert.equal((await app.auth.signInWithWeChatCode('c1')).id, 'user-c1')
  assert.deepEqual(server.taken().map(({ path, body }) => [path, body]), [
    ['/v1/apps/app1/auth/anonymous', {}], ['/v1/apps/app1/auth/password', { username: 'li', password: 'right' }], ['/v1/apps/app1/auth/wechat', { code: 'c1' }]
  ])
  assert.deepEqual((await app.callFunction({ name: 'echo', data: { a: 1 } })).result.user, { id: 'user-c1', provider: 'wechat' })
  await app.auth.signOut()
  assert.equal(app.auth.currentUser, null)
  stop()
  await app.auth.signInAnonymously()
  assert.deepEqual(heard, [null, 'user-anonymous', 'user-li', 'user-c1', null])
})

test('a wrong password', async () => {
  const app = open()
  const error = await rejection(app.auth.signInWithPassword({ username: 'li', password: 'wrong' }))
  assert.equal(error.reason, 'login_failed')
  assert.equal(error.errCode, -501008)
  assert.equal(app.auth.currentUser, null)
})

test('nobody signed in: the server decides', async () => {
  const error = await rejection(open().callFunction({ name: 'echo' }))
  assert.equal(error.reason, 'token_missing')
  assert.equal(error.errMsg, 'callFunction:fail -501008 invalid request source. refused: token_missing')
})

test('a reload keeps the user', async () => {
  const storage = new Storage()
  await open(storage).auth.signInAnonymously()
  const again = open(storage)
  assert.equal(again.auth.currentUser.id, 'user-anonymous')
  assert.equal((await again.callFunction({ name: 'echo' })).errMsg, 'callFunction:ok')
})

test('a session that was ended signs the page out and tells listeners', async () => {
  const app = open()
  await app.auth.signInAnonymously()
  const heard = []
  app.auth.onAuthChange(user => heard.push(user))
  server.sessions.clear()
  server.refreshTokens.clear()
  assert.equal((await rejection(app.callFunction({ name: 'echo' }))).reason, 'token_expired')
  assert.equal(app.auth.currentUser, null)
  assert.deepEqual(heard.slice(1), [null])
})

test('signing out works without the server', async () => {
  const app = open()
  await app.auth.signInAnonymously()
  server.replies['POST /v1/apps/app1/auth/logout'] = () => problem(500, 'internal', 'internal')
  await rejection(app.auth.signOut())
  assert.equal(app.auth.currentUser, null)
})

test('a renewal that fails for the moment keeps the session', async () => {
  server.expiresIn = 0
  const app = open()
  await app.auth.signInAnonymously()
  server.replies['POST /v1/apps/app1/auth/refresh'] = () => problem(503, 'shutting_down', 'unavailable')
  assert.equal((await rejection(app.callFunction({ name: 'echo' }))).reason, 'shutting_down')
  assert.equal(app.auth.currentUser.id, 'user-anonymous')
  delete server.replies['POST /v1/apps/app1/auth/refresh']
  server.expiresIn = 7200
  await app.callFunction({ name: 'echo' })
})

test('two tabs renew once: the second takes what the first got', async () => {
  // Tabs share storage and a lock, as navigator.locks gives.
  const storage = new Map()
  let last = Promise.resolve()
  const exclusive = work => { const run = last.then(work); last = run.catch(() => {}); return run }
  const store = { get: () => storage.get('t'), set: text => storage.set('t', text), remove: () => storage.delete('t') }
  const tab = () => new Session({ app: 'app1', http: new Http({ endpoint: server.url, send: fetchSend }), exclusive, store })
  const first = tab()
  await first.signIn('anonymous', {})
  const second = tab()
  const old = await first.token()
  server.taken()
  const tokens = await Promise.all([first.token(old), second.token(old)])
  assert.equal(tokens[0], tokens[1])
  assert.notEqual(tokens[0], old)
  assert.deepEqual(server.taken().map(({ path }) => path), ['/v1/apps/app1/auth/refresh'])
})

test('tokens are renewed a minute early, short ones at half their life', async () => {
  let now = 0
  let issued = 0
  let lifetime = 3600
  const http = { json: async () => ({ reply: { accessToken: `a${++issued}`, refreshToken: `r${issued}`, expiresIn: lifetime, user: { id: 'u' } } }) }
  const session = new Session({ app: 'app1', http, store: { get: () => null, set () {}, remove () {} }, now: () => now })
  await session.signIn('anonymous', {})
  now = 3600e3 - 60001
  assert.equal(await session.token(), 'a1')
  now = 3600e3 - 60000
  lifetime = 10
  assert.equal(await session.token(), 'a2')
  now += 4999
  assert.equal(await session.token(), 'a2')
  now += 1
  assert.equal(await session.token(), 'a3')
})

test('documents and transactions', async () => {
  const app = open()
  await app.auth.signInAnonymously()
  const db = app.database()
  assert.deepEqual((await db.collection('c').get()).data[0].at, new Date(0))
  assert.equal(server.taken().pop().body.limit, 100)
  assert.equal(await db.runTransaction(async t => { await t.collection('c').doc('x').remove(); return 7 }), 7)
})

test('files: a Blob up and down', async () => {
  const app = open()
  await app.auth.signInAnonymously()
  const { fileID } = await app.uploadFile({ cloudPath: 'a.txt', file: new Blob(['hello'], { type: 'text/plain' }) })
  const [, grant, put] = server.taken()
  assert.deepEqual(grant.body, { path: 'a.txt', size: 5, contentType: 'text/plain' })
  assert.equal(put.token, undefined)
  const { fileContent } = await app.downloadFile({ fileID })
  assert.equal(await fileContent.text(), 'hello')
  assert.equal((await app.getTempFileURL({ fileList: [fileID] })).fileList[0].status, 0)
  assert.equal((await app.deleteFile({ fileList: [fileID] })).fileList[0].status, 0)
  assert.equal((await rejection(app.downloadFile({ fileID }))).errCode, -503003)
  assert.match((await rejection(app.uploadFile({ cloudPath: 'a', file: 'text' }))).errMsg, /should be a Blob/)
})

test('a server that cannot be reached is a retryable error', async () => {
  const app = web.init({ env: 'app1', endpoint: 'http://127.0.0.1:9', storage: new Storage() })
  const error = await rejection(app.callFunction({ name: 'echo' }))
  assert.equal(error.retryable, true)
  assert.match(error.errMsg, /^callFunction:fail request:fail/)
})

test('a server that stays silent ends with the timeout', async () => {
  server.replies['POST /v1/apps/app1/functions/echo'] = () => new Promise(() => {})
  const app = web.init({ app: 'app1', endpoint: server.url, storage: new Storage(), timeout: 50 })
  assert.equal((await rejection(app.callFunction({ name: 'echo' }))).retryable, true)
})

test('init wants an app and an address', () => {
  assert.throws(() => web.init({ endpoint: server.url }), /app must be the ID/)
  assert.throws(() => web.init({ app: 'a' }), /endpoint must be the address/)
})

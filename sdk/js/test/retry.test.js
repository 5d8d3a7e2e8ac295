'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { FakeServer, problem } = require('./fake-server')
const { FakeWx } = require('./fake-wx')
const { rejection } = require('./support')
const { persist } = require('../core/retry')
const { lost } = require('../core/http')
const { Session } = require('../core/session')
const { Http } = require('../core/http')
const { fetchSend } = require('../core/fetch')
const sdk = require('../node')
const cloud = require('../miniprogram')

let server
let app
before(async () => { server = await new FakeServer().start() })
after(() => server.stop())
beforeEach(() => {
  server.taken()
  server.replies = {}
  server.sessions.set('key1', { id: 'owner' })
  app = patient(sdk.init({ app: 'app1', endpoint: server.url, apiKey: 'key1' }))
})

/** Without the pauses between attempts. */
function patient (client) {
  client.patience.sleep = async () => {}
  return client
}

/** The replies of an address, one after the other; the last one stays. */
function inTurn (address, ...replies) {
  server.replies[address] = context => replies.length > 1 ? replies.shift()(context) : replies[0](context)
}
const vanish = () => ({ lost: true })
const FIND = 'POST /v1/apps/app1/documents/c/find'
const INSERT = 'POST /v1/apps/app1/documents/c/insert'
const ECHO = 'POST /v1/apps/app1/functions/echo'

test('a read whose reply is lost is tried again', async () => {
  inTurn(FIND, vanish, vanish, () => ({ json: { documents: [{ _id: 'x' }] } }))
  assert.deepEqual((await app.database().collection('c').get()).data, [{ _id: 'x' }])
  assert.equal(server.taken().length, 3)
})

test('a read is not tried for ever, and the last error is told', async () => {
  inTurn(FIND, vanish)
  const error = await rejection(app.database().collection('c').get())
  assert.deepEqual([error.reason, error.retryable], ['network_failed', true])
  assert.equal(server.taken().length, 3)
  const once = sdk.init({ app: 'app1', endpoint: server.url, apiKey: 'key1', retries: 0 })
  await rejection(once.database().collection('c').get())
  assert.equal(server.taken().length, 1)
})

test('a write has a key, the same in every attempt, another for every call', async () => {
  inTurn(INSERT, vanish, () => ({ json: { insertedIds: ['a'] } }))
  assert.equal((await app.database().collection('c').add({ data: { n: 1 } }))._id, 'a')
  await app.database().collection('c').add({ data: { n: 1 } })
  const keys = server.taken().map(request => request.headers['idempotency-key'])
  assert.equal(keys.length, 3)
  assert.match(keys[0], /^[0-9a-z]{32}$/)
  assert.equal(keys[1], keys[0])
  assert.notEqual(keys[2], keys[0])
})

test('reads have no key', async () => {
  await app.database().collection('c').count()
  assert.equal(server.taken()[0].headers['idempotency-key'], undefined)
})

test('inside a transaction only the commit is tried again, under the transaction\'s own name', async () => {
  inTurn('POST /v1/apps/app1/documents/commit', vanish, () => ({ json: {} }))
  await app.database().runTransaction(async t => { await t.collection('c').doc('x').update({ data: { n: 1 } }) })
  assert.deepEqual(server.taken().map(({ path, headers }) => [path.split('/').pop(), headers['idempotency-key']]), [
    ['begin', undefined], ['update', undefined], ['commit', 'tx1'], ['commit', 'tx1']
  ])
  inTurn('POST /v1/apps/app1/documents/c/update', vanish)
  const transaction = await app.database().startTransaction()
  server.taken()
  await rejection(transaction.collection('c').doc('x').update({ data: { n: 1 } }))
  assert.equal(server.taken().length, 1)
})

test('a function is called again only under a key of the caller\'s', async () => {
  inTurn(ECHO, vanish, () => ({ json: 1 }))
  const error = await rejection(app.callFunction({ name: 'echo' }))
  assert.equal(error.retryable, true)
  server.taken()
  inTurn(ECHO, vanish, () => ({ json: 1 }))
  assert.equal((await app.callFunction({ name: 'echo', idempotencyKey: 'order-1' })).result, 1)
  assert.deepEqual(server.taken().map(request => request.headers['idempotency-key']), ['order-1', 'order-1'])
  assert.match((await rejection(app.callFunction({ name: 'echo', idempotencyKey: '' }))).errMsg, /idempotencyKey should be string/)
})

test('what the server turned away unseen is tried again, what it refused is not', async () => {
  for (const [reason, attempts] of [['rate_limited', 3], ['shutting_down', 3], ['request_in_progress', 3], ['permission_denied', 1], ['timeout', 1], ['transaction_conflict', 1]]) {
    server.replies[ECHO] = () => {
      const reply = problem(503, reason, 'unavailable')
      reply.json.error.retryable = !['permission_denied'].includes(reason)
      return reply
    }
    assert.equal((await rejection(app.callFunction({ name: 'echo' }))).reason, reason)
    assert.equal(server.taken().length, attempts, reason)
  }
})

test('pauses grow, are drawn at random, and end with the deadline', async () => {
  const pauses = []
  const patience = { timeout: undefined, retries: 6, random: () => 1, sleep: async pause => { pauses.push(pause) } }
  await rejection(persist(patience, true, async () => { throw lost('x', true) }))
  assert.deepEqual(pauses, [400, 800, 1600, 3200, 5000, 5000])
  pauses.length = 0
  await rejection(persist({ ...patience, random: () => 0 }, true, async () => { throw lost('x', true) }))
  assert.deepEqual(pauses, [100, 200, 400, 800, 1250, 1250])
  pauses.length = 0
  const left = []
  await rejection(persist({ ...patience, timeout: 1000 }, true, async ms => { left.push(ms); throw lost('x', true) }))
  assert.ok(pauses.length <= 2, 'a third pause would outlast the deadline')
  assert.ok(left.every(ms => ms > 0 && ms <= 1000))
})

test('a deadline ends a call whose server says nothing', async () => {
  server.replies[ECHO] = () => new Promise(() => {})
  const error = await rejection(app.callFunction({ name: 'echo', timeout: 50 }))
  assert.equal(error.reason, 'network_failed')
  assert.match(error.errMsg, /^callFunction:fail/)
})

test('a renewal whose reply is lost does not cost the session', async () => {
  const wx = global.wx = new FakeWx()
  server.expiresIn = 0
  const it = new cloud.Cloud({ env: 'app1', endpoint: server.url })
  it.init()
  await it.callFunction({ name: 'echo' })
  server.taken()
  // The server has exchanged the token, and the reply does not arrive, whatever is tried.
  const answers = new Map()
  let silent = true
  server.replies['POST /v1/apps/app1/auth/refresh'] = ({ body }) => {
    if (!answers.has(body.attempt)) answers.set(body.attempt, server.refreshTokens.delete(body.refreshToken) ? server.tokens({ id: 'renewed' }) : null)
    if (silent) return { lost: true }
    return answers.get(body.attempt) ? { json: answers.get(body.attempt) } : problem(401, 'session_revoked', 'unauthenticated')
  }
  const error = await rejection(it.callFunction({ name: 'echo' }))
  assert.equal(error.retryable, true)
  const attempts = server.taken().map(({ body }) => body.attempt)
  assert.equal(new Set(attempts).size, 1)
  // The mini program is closed, opened again, and the network is back.
  silent = false
  server.expiresIn = 7200
  const restarted = new cloud.Cloud({ env: 'app1', endpoint: server.url })
  restarted.init()
  const { result } = await restarted.callFunction({ name: 'echo' })
  assert.equal(result.user.id, 'renewed')
  assert.equal(server.taken()[0].body.attempt, attempts[0])
  assert.equal(wx.logins, 1)
})

test('while the server cannot be reached a token is used until its very end', async () => {
  let now = 1e12
  let reachable = true
  const texts = new Map()
  const send = request => reachable ? fetchSend(request) : Promise.reject(new Error('offline'))
  const session = new Session({
    http: new Http({ endpoint: server.url, send }), app: 'app1', now: () => now, retries: 0,
    store: { get: () => texts.get('t'), set: text => texts.set('t', text), remove: () => texts.delete('t') }
  })
  await session.signIn('anonymous', {})
  const first = await session.token()
  reachable = false
  now += 7200e3 - 1000 // within the last minute
  assert.equal(await session.token(), first)
  now += 2000
  assert.match((await rejection(session.token())).errMsg, /offline/)
  assert.equal(session.user.id, 'user-anonymous', 'the session stays')
  reachable = true
  assert.notEqual(await session.token(), first)
})

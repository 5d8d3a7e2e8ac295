'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { FakeServer, problem } = require('./fake-server')
const { FakeWx } = require('./fake-wx')
const { rejection } = require('./support')
const { containerRequest } = require('../core/container')
const cloud = require('../miniprogram')
const node = require('../node')
const web = require('../web')

let server
before(async () => { server = await new FakeServer().start() })
after(() => server.stop())
beforeEach(() => {
  global.wx = new FakeWx()
  server.taken()
  server.replies = {}
  server.sessions.set('key1', { id: 'owner' })
})

const clients = {
  miniprogram () {
    const it = new cloud.Cloud()
    it.init({ env: 'app1', endpoint: server.url })
    return it
  },
  web () {
    const items = new Map()
    return web.init({ app: 'app1', endpoint: server.url, storage: { getItem: k => items.get(k), setItem: (k, v) => items.set(k, v), removeItem: k => items.delete(k) } })
  },
  node: () => node.init({ app: 'app1', endpoint: server.url, apiKey: 'key1' })
}

for (const name of Object.keys(clients)) {
  test(`${name}: an HTTP function is called with the caller's token, and its reply is the result`, async () => {
    const it = clients[name]()
    if (it.auth) await it.auth.signInAnonymously()
    server.replies['POST /http/app1/shop/orders?open=1'] = ({ body, token }) => ({ status: 201, json: { got: body, signedIn: token !== undefined } })
    const { data, statusCode, header, callID, errMsg } = await it.callContainer({ path: '/orders?open=1', method: 'POST', header: { 'X-WX-SERVICE': 'shop', 'X-Own': 'é'.length }, data: { n: 1 } })
    assert.deepEqual(data, { got: { n: 1 }, signedIn: true })
    assert.equal(statusCode, 201)
    assert.equal(callID, 'req-http')
    assert.match(errMsg, /callContainer:ok$/)
    assert.match(header['content-type'] || header['Content-Type'], /json/)
    const { headers } = server.taken().pop()
    assert.equal(headers['x-own'], '1')
    assert.equal(headers['x-wx-service'], undefined)
  })

  test(`${name}: bytes, texts and failures of the function are results, too`, async () => {
    const it = clients[name]()
    server.replies['GET /http/app1/file'] = () => ({ raw: Buffer.from([0, 1, 250]) })
    assert.deepEqual([...new Uint8Array((await it.callContainer({ path: '/file', responseType: 'arraybuffer' })).data)], [0, 1, 250])
    server.replies['GET /http/app1/text'] = () => ({ raw: 'plain words' })
    assert.equal((await it.callContainer({ path: '/text' })).data, 'plain words')
    server.replies['GET /http/app1/sick'] = () => ({ status: 500, json: { error: { reason: 'mine' } } })
    assert.deepEqual((await it.callContainer({ path: 'sick' })).data, { error: { reason: 'mine' } })
    server.replies['GET /http/app1/none'] = () => problem(404, 'function_not_found', 'not_found')
    const error = await rejection(it.callContainer({ path: '/none' }))
    assert.equal(error.reason, 'function_not_found')
  })
}

test('addresses and bodies', () => {
  const request = options => containerRequest('my app', options)
  assert.equal(request({}).path, '/http/my%20app/')
  assert.equal(request({ service: 'a/b' }).path, '/http/my%20app/a%2Fb')
  assert.equal(request({ service: 's', path: '/x/y?z=1#', data: { q: '云', o: { n: 1 }, gone: undefined } }).path, `/http/my%20app/s/x/y?z=1#&q=${encodeURIComponent('云')}&o=%7B%22n%22%3A1%7D`)
  assert.equal(request({ method: 'post', data: 'text' }).body, 'text')
  assert.equal(request({ method: 'POST', header: { 'Content-Type': 'application/x-www-form-urlencoded' }, data: { a: 1, b: 'x y' } }).body, 'a=1&b=x%20y')
  const bytes = new ArrayBuffer(3)
  assert.equal(request({ method: 'PUT', data: bytes }).body, bytes)
  assert.equal(request({ method: 'DELETE' }).body, undefined)
  assert.throws(() => request({ method: 'TRACE' }), /method should not be TRACE/)
  assert.throws(() => request({ path: 5 }), /path should be string/)
})

test('an expired login is renewed for an HTTP function', async () => {
  const it = clients.miniprogram()
  await it.callFunction({ name: 'echo' })
  const before = server.serial
  server.replies['GET /http/app1/who'] = ({ token }) => token === `a${before}` ? problem(401, 'token_expired', 'unauthenticated') : { json: { token } }
  assert.equal((await it.callContainer({ path: '/who' })).data.token, `a${before + 1}`)
})

test('a GET is tried again when its reply is lost, a POST is not', async () => {
  const it = clients.miniprogram()
  it.connection('app1').patience.sleep = async () => {}
  await it.callFunction({ name: 'echo' })
  server.taken()
  server.replies['GET /http/app1/x'] = server.replies['POST /http/app1/x'] = () => ({ lost: true })
  assert.equal((await rejection(it.callContainer({ path: '/x' }))).reason, 'network_failed')
  assert.equal(server.taken().length, 3)
  assert.equal((await rejection(it.callContainer({ path: '/x', method: 'POST' }))).retryable, true)
  assert.equal(server.taken().length, 1)
})

test('callbacks hear of an HTTP function', async () => {
  const it = clients.miniprogram()
  server.replies['GET /http/app1/x'] = () => ({ json: { a: 1 } })
  const result = await new Promise((resolve, reject) => { it.callContainer({ path: '/x', success: resolve, fail: reject }) })
  assert.deepEqual(result.data, { a: 1 })
  const error = await new Promise(resolve => new cloud.Cloud().callContainer({ path: '/x', fail: resolve }).catch(() => {}))
  assert.match(error.errMsg, /call cloud\.init first/)
})

test('connectContainer opens a socket with the caller\'s token', async () => {
  const it = clients.miniprogram()
  let given
  global.wx.connectSocket = options => { given = options; return { onOpen () {} } }
  const { socketTask } = await it.connectContainer({ service: 'chat', path: '/room?x=1' })
  assert.equal(typeof socketTask.onOpen, 'function')
  assert.equal(given.url, `${server.url.replace('http', 'ws')}/http/app1/chat/room?x=1`)
  assert.match(given.header.authorization, /^Bearer a\d+$/)
})

// callContainer of every SDK, onto the app's HTTP functions; and captchas, which a page of the operator's gives.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')
const { row } = require('./results')
const { start, reload } = require('./server')
const preload = require('./preload')

for (const level of ['log', 'warn', 'error', 'info', 'debug']) console[level] = () => {}

const site = `const http = require('http')
http.createServer((request, response) => {
  const parts = []
  request.on('data', part => parts.push(part)).on('end', () => {
    if (request.url === '/bytes') return response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(Buffer.from([0, 1, 250]))
    response.writeHead(request.url === '/teapot' ? 418 : 200, { 'content-type': 'application/json', 'x-own': 'of the code' })
    response.end(JSON.stringify({
      method: request.method, url: request.url, body: Buffer.concat(parts).toString(), prefix: request.headers['x-forwarded-prefix'],
      own: request.headers['x-own'], openid: request.headers['x-wx-openid'], role: request.headers['x-yunduo-role'], authorization: request.headers.authorization === undefined
    }))
  })
}).listen(process.env.PORT)`

let server, folder, widget
before(async () => {
  widget = http.createServer((request, response) => { // the widget's makers: what is "solved" proves a person, once
    const parts = []
    request.on('data', part => parts.push(part)).on('end', () => {
      const given = new URLSearchParams(Buffer.concat(parts).toString())
      response.end(JSON.stringify({ success: given.get('secret') === 'captcha-secret' && given.get('response') === 'solved' }))
    })
  })
  await new Promise(resolve => widget.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${widget.address().port}`
  server = await start({ flags: ['--captcha-verify', `${at}/verify`, '--captcha-secret', 'captcha-secret', '--captcha-page', `${at}/page`] })
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'yunduo-containers-'))
  await server.manage('PUT', '/functions/site', { name: 'site', files: [{ path: 'index.js', content: Buffer.from(site).toString('base64') }] })
  await server.manage('PUT', '/rules/functions', { rules: JSON.stringify({ '*': { invoke: 'auth != null' }, members: { invoke: "auth.loginType != 'ANONYMOUS'" } }) })
  await server.manage('PUT', '/functions/members', { name: 'members', files: [{ path: 'index.js', content: Buffer.from("exports.main = async () => ({ statusCode: 200, body: 'for members' })").toString('base64') }] })
})
after(async () => {
  widget.close()
  fs.rmSync(folder, { recursive: true, force: true })
  await server.stop()
  setImmediate(() => process.exit(process.exitCode)) // the clients keep timers
})

const endpoints = '`registerEndPointWithKey` twice, then `app.auth({…})`'
const js3 = row({ package: '@cloudbase/js-sdk', setting: endpoints })

function client (options, ofAuth) {
  const loaded = reload('@cloudbase/js-sdk')
  const app = (loaded.default || loaded).init({ env: server.app, timeout: 20000, ...options })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { app, auth: app.auth({ persistence: 'local', ...ofAuth }) }
}
const refusal = async promise => {
  const reply = await promise.catch(error => ({ code: error.message }))
  const told = JSON.stringify(reply)
  assert.match(told, /code|error/i, told)
  return told
}

js3.works('HTTP functions', 'callContainer and callFunction of the type cloudrun: method, path, query, headers, body; who may not is refused', async () => {
  const c = client()
  assert.ok(!(await c.auth.signInAnonymously()).error)
  const data = await c.app.callContainer({ name: 'site', method: 'POST', path: '/orders?open=1', header: { 'X-Own': 'yes' }, data: { n: 1 } })
  const seen = { method: 'POST', url: '/orders?open=1', body: '{"n":1}', prefix: '/v1/cloudrun/site', own: 'yes', role: 'anonymous' }
  const of = ({ method, url, body, prefix, own, role }) => ({ method, url, body, prefix, own, role })
  assert.deepEqual(of(data), seen)
  const { result } = await c.app.callFunction({ type: 'cloudrun', name: 'site', method: 'GET', path: 'list', data: { page: 2 } })
  assert.deepEqual([result.method, result.url], ['GET', '/list?page=2'])
  await refusal(c.app.callContainer({ name: 'nowhere', method: 'GET', path: '/' }))
  await refusal(c.app.callContainer({ name: 'members', method: 'GET', path: '/' }))
})

js3.works('captchas', 'after failed logins at the operator\'s page; what proves nobody lets nobody in', async () => {
  await server.manage('POST', '/users', { username: 'sun', password: 'Pw-12345678' })
  const pages = []
  let answer = 'nothing'
  const c = client({}, { captchaOptions: { openURIWithCallback: async url => { pages.push(url); return { captcha_token: answer, expires_in: 10 } } } })
  const enter = password => c.auth.signInWithPassword({ username: 'sun', password }).then(r => r.error ? Promise.reject(r.error) : r)
  for (let i = 0; i < 3; i++) await assert.rejects(enter('wrong-password'))
  await assert.rejects(enter('Pw-12345678'), { code: 'captcha_invalid' })
  assert.ok(pages.length > 0, 'the client was sent to the page')
  const page = new URL(pages[0])
  assert.equal(page.pathname, '/page')
  assert.match(page.searchParams.get('state'), /^POST:/)
  answer = 'solved'
  await enter('Pw-12345678')
})

test('captchas lead back to the app\'s own pages only', async () => {
  const ask = body => fetch(`${server.url}/auth/v1/captcha/init`, { method: 'POST', body: JSON.stringify({ client_id: server.app, state: 's', ...body }) }).then(r => r.json())
  assert.match((await ask({ redirect_uri: 'http://localhost:3000/login?__captcha=on' })).url, /redirect_uri=http%3A%2F%2Flocalhost%3A3000/)
  assert.equal((await ask({ redirect_uri: 'https://evil.example/' })).error, 'permission_denied')
  for (const wrong of ['javascript:alert(1)', '', '/relative', 'ftp://localhost/x']) assert.equal((await ask({ redirect_uri: wrong })).error, 'invalid_argument', wrong)
})

row({ package: '@cloudbase/node-sdk', setting: 'preload' }).works('HTTP functions', 'callContainer, signed with the app\'s keys; with others it is refused', async () => {
  const script = path.join(folder, 'call.js')
  fs.writeFileSync(script, `const cloudbase = require(${JSON.stringify(require.resolve('@cloudbase/node-sdk'))})
const [secretId, secretKey] = process.argv.slice(2)
const app = cloudbase.init({ env: ${JSON.stringify(server.app)}, secretId, secretKey })
app.callContainer({ name: 'site', method: 'POST', path: '/orders', header: { 'X-Own': 'node' }, data: { n: 2 } })
  .then(r => r.statusCode === 200 ? r.data : { refused: r.statusCode, ...r.data }, e => ({ code: e.code || e.message })).then(r => process.stdout.write(JSON.stringify(r)))`)
  const file = preload.write(folder)
  const run = (...keys) => new Promise((resolve, reject) => execFile(process.execPath, ['--require', file, script, ...keys], { env: { ...process.env, YUNDUO_URL: server.url, TENCENTCLOUD: 'true' }, timeout: 60000 }, (error, stdout, stderr) => error ? reject(new Error(stdout + stderr)) : resolve(JSON.parse(stdout))))
  const seen = await run(server.secretId, server.secretKey)
  assert.deepEqual([seen.method, seen.url, seen.body, seen.own, seen.role], ['POST', '/orders', '{"n":2}', 'node', 'owner'], JSON.stringify(seen))
  const refused = await run(server.secretId, 'x'.repeat(32))
  assert.ok(refused.code || refused.refused, JSON.stringify(refused))
})

test('our own SDK in a mini-program reaches the same function', async () => {
  const { FakeWx } = require('../../sdk/js/test/fake-wx')
  globalThis.wx = Object.assign(new FakeWx(), { code: 'dev:o-li' })
  const cloud = require('../../sdk/js/miniprogram')
  cloud.init({ env: server.app, endpoint: server.url })
  const { data, statusCode } = await cloud.callContainer({ service: 'site', path: '/orders', method: 'POST', header: { 'X-Own': 'wx' }, data: { n: 3 } })
  assert.equal(statusCode, 200)
  assert.deepEqual([data.method, data.url, data.body, data.own], ['POST', '/orders', '{"n":3}', 'wx'])
  assert.ok(data.openid)
  assert.equal((await cloud.callContainer({ service: 'site', path: '/teapot' })).statusCode, 418)
  assert.deepEqual([...new Uint8Array((await cloud.callContainer({ service: 'site', path: '/bytes', responseType: 'arraybuffer' })).data)], [0, 1, 250])
  await assert.rejects(cloud.callContainer({ service: 'nowhere', path: '/' }))
})

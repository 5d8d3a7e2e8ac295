// Functions that bring the official SDKs along, as npm has them, instead of using the platform's own.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { row } = require('./results')
const { start } = require('./server')

const setting = '`officialSdk: true`'
const folderOf = name => name.replace(/\W/g, '')
const versions = { 'wx-server-sdk': ['wx-server-sdk-3', '3.0.4'], '@cloudbase/node-sdk': ['@cloudbase/node-sdk', '3.18.3'] }

const functions = {
  'wx-server-sdk': `
const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()
exports.main = async event => {
  const { OPENID } = cloud.getWXContext()
  switch (event.do) {
    case 'who': {
      const before = OPENID
      await new Promise(resolve => setTimeout(resolve, 50))
      return { before, after: cloud.getWXContext().OPENID }
    }
    case 'documents': {
      const { _id } = await db.collection('mine').add({ data: { n: 1, at: new Date(1000) } })
      await db.collection('mine').doc(_id).update({ data: { n: db.command.inc(1) } })
      return (await db.collection('mine').doc(_id).get()).data
    }
    case 'call': return (await cloud.callFunction({ name: 'inner', data: { x: 1 } })).result
    case 'files': {
      const { fileID } = await cloud.uploadFile({ cloudPath: 'official/图.txt', fileContent: Buffer.from('content') })
      const { fileList } = await cloud.getTempFileURL({ fileList: [fileID] })
      return { url: fileList[0].tempFileURL, text: (await cloud.downloadFile({ fileID })).fileContent.toString() }
    }
    case 'keys': return Object.fromEntries(['TENCENTCLOUD_SECRETID', 'TENCENTCLOUD_SECRETKEY', 'TENCENTCLOUD_SESSIONTOKEN', 'TCB_CONTEXT_CNFG'].map(k => [k, process.env[k]]))
  }
}`,
  '@cloudbase/node-sdk': `
const cloudbase = require('@cloudbase/node-sdk')
const app = cloudbase.init({ env: cloudbase.SYMBOL_CURRENT_ENV })
exports.main = async event => {
  switch (event.do) {
    case 'who': return app.auth().getUserInfo()
    case 'documents': {
      const notes = app.database().collection('mine')
      const { id } = await notes.add({ n: 1 })
      await notes.doc(id).update({ n: app.database().command.inc(1) })
      return (await notes.doc(id).get()).data[0]
    }
    case 'call': return (await app.callFunction({ name: 'inner', data: { x: 2 } })).result
    case 'files': {
      const { fileID } = await app.uploadFile({ cloudPath: 'official/node.txt', fileContent: Buffer.from('node') })
      return (await app.downloadFile({ fileID })).fileContent.toString()
    }
  }
}`
}

const reach = `const http = require('http')
exports.main = ({ url }) => new Promise(resolve => http.get(url, r => resolve(r.statusCode)).on('error', e => resolve(e.code)))`

let server
before(async () => {
  server = await start()
  await server.manage('POST', '/collections', { collection: 'mine' })
  await deploy('inner', {
    'index.js': "const cloud = require('wx-server-sdk')\ncloud.init()\nexports.main = async e => ({ x: e.x, openid: cloud.getWXContext().OPENID, source: cloud.getWXContext().SOURCE })"
  })
  await deploy('outside', { 'index.js': reach })
  await deploy('inside', { 'index.js': reach }, { officialSdk: true })
  for (const [name, code] of Object.entries(functions)) {
    await deploy(folderOf(name), { 'index.js': code, 'package.json': JSON.stringify({ dependencies: { [name]: versions[name][1] } }) }, { officialSdk: true, timeoutSeconds: 20 })
  }
})

/** Deploys a function; what package.json names is installed by the server. */
const deploy = (name, files, settings = {}) => server.manage('PUT', `/functions/${name}`, {
  name, settings, files: Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text).toString('base64') }))
})

after(() => server?.stop())

/** Calls a function as a user. */
async function call (name, data, token) {
  const reply = await fetch(`${server.url}/v1/apps/${server.app}/functions/${folderOf(name)}`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(data) })
  const body = await reply.json()
  assert.equal(reply.status, 200, JSON.stringify(body))
  return body
}

async function login (openid) {
  const reply = await fetch(`${server.url}/v1/apps/${server.app}/auth/wechat`, { method: 'POST', body: JSON.stringify({ code: `dev:${openid}` }) })
  return (await reply.json()).accessToken
}

const wx = row({ package: 'wx-server-sdk', from: versions['wx-server-sdk'][0], setting })
wx.works('functions', 'each call knows its own caller, also of calls at the same time', async () => {
  const people = await Promise.all(['o-li', 'o-han', 'o-wang', 'o-zhao'].map(async openid => ({ openid, token: await login(openid) })))
  const seen = await Promise.all(people.map(p => call('wx-server-sdk', { do: 'who' }, p.token)))
  assert.deepEqual(seen.map(s => [s.before, s.after]), people.map(p => [p.openid, p.openid]))
})
wx.works('documents', 'add, update, get, past the rules of end users', async () => {
  const found = await call('wx-server-sdk', { do: 'documents' }, await login('o-li'))
  assert.equal(found.n, 2)
  assert.equal(new Date(found.at).getTime(), 1000)
})
wx.works('functions', 'call another function for the same caller', async () => {
  assert.deepEqual(await call('wx-server-sdk', { do: 'call' }, await login('o-li')), { x: 1, openid: 'o-li', source: 'wx_client,scf' })
})
test('calls of the official SDK are in the trace of their invocation', async () => {
  const list = filter => server.manage('POST', '/logs', { function: folderOf('wx-server-sdk'), search: filter, limit: 20 })
  await call('wx-server-sdk', { do: 'documents' }, await login('o-traced'))
  await call('wx-server-sdk', { do: 'call' }, await login('o-traced'))
  let records = []
  for (let i = 0; records.length < 2; i++) {
    assert.ok(i < 600, 'the records are stored')
    await new Promise(resolve => setTimeout(resolve, 50))
    records = (await list('o-traced')).invocations
  }
  const [calling, documents] = await Promise.all(records.map(r => server.manage('GET', `/logs/${r.id}`)))
  assert.deepEqual(documents.trace.calls.map(c => `${c.operation} ${c.target}`), ['documents.insert mine', 'documents.update mine', 'documents.find mine'])
  assert.deepEqual(documents.trace.calls[2].plans, [{ collection: 'mine', index: '_id' }])
  assert.equal(calling.trace.calls[0].target, 'inner')
  assert.equal(calling.children[0].id, calling.trace.calls[0].child)
  assert.equal(calling.children[0].trace.parent, calling.id)
})
wx.works('files', 'upload, address for the client, download', async () => {
  const { url, text } = await call('wx-server-sdk', { do: 'files' }, await login('o-li'))
  assert.equal(text, 'content')
  assert.ok(url.startsWith(server.url), url)
  assert.equal(await (await fetch(url)).text(), 'content')
})
wx.works('functions', 'keys are of one invocation', async () => {
  const token = await login('o-li')
  const [one, two] = [await call('wx-server-sdk', { do: 'keys' }, token), await call('wx-server-sdk', { do: 'keys' }, token)]
  assert.notEqual(one.TENCENTCLOUD_SECRETID, two.TENCENTCLOUD_SECRETID)
  assert.notEqual(one.TENCENTCLOUD_SECRETKEY, two.TENCENTCLOUD_SECRETKEY)
  const node = require('@cloudbase/node-sdk')
  const count = keys => node.init({ env: server.app, serviceUrl: `${server.url}/admin`, secretId: keys.TENCENTCLOUD_SECRETID, secretKey: keys.TENCENTCLOUD_SECRETKEY, sessionToken: keys.TENCENTCLOUD_SESSIONTOKEN })
    .database().collection('mine').count().catch(e => e)
  assert.equal(typeof (await count(one)).total, 'number')
  for (const [name, keys] of Object.entries({ 'without its token': { ...one, TENCENTCLOUD_SESSIONTOKEN: '' }, 'with the token of another': { ...one, TENCENTCLOUD_SESSIONTOKEN: two.TENCENTCLOUD_SESSIONTOKEN }, 'with the secret of another': { ...one, TENCENTCLOUD_SECRETKEY: two.TENCENTCLOUD_SECRETKEY } })) {
    assert.equal((await count(keys)).total, undefined, name)
  }
})

test('only functions with the official SDKs reach the server, and no more of it than those need', async () => {
  const token = await login('o-li')
  const sandboxed = (await server.manage('GET', '/metrics')).isolation === 'sandbox'
  const seen = async (name, where) => call(name, { url: server.url + where }, token)
  assert.equal(await seen('inside', '/v1/openapi.json'), 200)
  if (!sandboxed) return // there is no wall then
  assert.equal(await seen('outside', '/v1/openapi.json'), 'EACCES')
  assert.equal(await seen('inside', '/metrics'), 404)
  assert.equal(await call('inside', { url: 'http://127.0.0.1:1/' }, token), 'EACCES')
})

const node = row({ package: '@cloudbase/node-sdk', setting })
node.works('functions', 'knows its caller, calls another function for them', async () => {
  const token = await login('o-li')
  assert.equal((await call('@cloudbase/node-sdk', { do: 'who' }, token)).openId, 'o-li')
  assert.deepEqual(await call('@cloudbase/node-sdk', { do: 'call' }, token), { x: 2, openid: 'o-li', source: 'wx_client,scf' })
})
node.works('documents', 'add, update, get, past the rules of end users', async () => {
  assert.equal((await call('@cloudbase/node-sdk', { do: 'documents' }, await login('o-li'))).n, 2)
})
node.works('files', 'upload and download', async () => {
  assert.equal(await call('@cloudbase/node-sdk', { do: 'files' }, await login('o-li')), 'node')
})

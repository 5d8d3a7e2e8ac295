'use strict'

const { test, before, after, beforeEach } = require('node:test')
const assert = require('node:assert/strict')
const { FakeServer } = require('./fake-server')
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
  cloud.init({ env: 'app1', endpoint: server.url })
})
const apps = () => [...new Set(server.taken().map(({ path }) => path.split('/')[3]))]

test('config.env names another app for one call', async () => {
  await cloud.callFunction({ name: 'echo', config: { env: 'app2' } })
  assert.deepEqual(apps(), ['app2'])
  await cloud.database({ env: 'app2' }).collection('c').count()
  assert.deepEqual(apps(), ['app2'])
  await cloud.getTempFileURL({ fileList: [], config: { env: 'app3' } })
  assert.deepEqual(apps(), ['app3'])
  await cloud.callFunction({ name: 'echo' })
  assert.deepEqual(apps(), ['app1'])
})

test('an app for each room', async () => {
  cloud.init({ env: { database: 'data', functions: 'code', storage: 'disk' }, endpoint: server.url })
  await cloud.database().collection('c').count()
  assert.deepEqual(apps(), ['data'])
  await cloud.callFunction({ name: 'echo' })
  assert.deepEqual(apps(), ['code'])
  await cloud.deleteFile({ fileList: ['cloud://disk/x'] })
  assert.deepEqual(apps(), ['disk'])
})

test('an instance shares the address of the module unless it has its own', async () => {
  const shared = new cloud.Cloud({ resourceAppid: 'wx0123456789abcdef', resourceEnv: 'shared' })
  await shared.init()
  await shared.callFunction({ name: 'echo' })
  assert.deepEqual(apps(), ['shared'])
  const elsewhere = new cloud.Cloud({ resourceEnv: 'shared', endpoint: 'http://127.0.0.1:9', retries: 0 })
  await elsewhere.init()
  assert.equal((await rejection(elsewhere.callFunction({ name: 'echo' }))).reason, 'network_failed')
  assert.throws(() => new cloud.Cloud({ resourceAppid: 'wx0123456789abcdef' }).init(), /env must be the ID/)
})

test('identityless signs in as nobody in particular', async () => {
  const it = new cloud.Cloud({ resourceEnv: 'shared', identityless: true })
  await it.init()
  const { result } = await it.callFunction({ name: 'echo' })
  assert.equal(result.user.provider, 'anonymous')
  assert.equal(wx.logins, 0)
})

test('DYNAMIC_CURRENT_ENV means the app that there is', async () => {
  await cloud.callFunction({ name: 'echo', config: { env: cloud.DYNAMIC_CURRENT_ENV } })
  await cloud.database({ env: cloud.DYNAMIC_CURRENT_ENV }).collection('c').count()
  assert.deepEqual(apps(), ['app1'])
})

test('CDN content travels as the address of a file', async () => {
  wx.localFiles.set('wxfile://tmp/photo.png', Buffer.from('picture'))
  const file = cloud.CDN({ type: 'filePath', filePath: 'wxfile://tmp/photo.png' })
  const { result } = await cloud.callFunction({ name: 'echo', data: { file, again: [file], text: new cloud.CDN('云朵'), bytes: cloud.CDN(new Uint8Array([1, 2]).buffer), at: new Date(0), id: cloud.CloudID('1_x') } })
  const read = async url => Buffer.from(await (await fetch(url)).arrayBuffer())
  assert.match(result.event.file, /\/bytes\/cdn%2F[0-9a-z]{32}\.png$/)
  assert.equal(result.event.again[0], result.event.file)
  assert.equal((await read(result.event.file)).toString(), 'picture')
  assert.equal((await read(result.event.text)).toString(), '云朵')
  assert.deepEqual([...await read(result.event.bytes)], [1, 2])
  assert.deepEqual([result.event.at, result.event.id], ['1970-01-01T00:00:00.000Z', { cloudID: '1_x' }])
  assert.match((await rejection(cloud.callFunction({ name: 'echo', data: { x: cloud.CDN(5) } }))).errMsg, /the content should be/)
})

test('headers and progress of an upload are heard until one no longer wants to', async () => {
  wx.localFiles.set('f', Buffer.from('0123456789'))
  const task = cloud.uploadFile({ cloudPath: 'a.bin', filePath: 'f', header: { 'Content-Type': 'text/plain' } })
  const seen = []
  const deaf = () => seen.push('deaf')
  task.onProgressUpdate(deaf)
  task.offProgressUpdate(deaf)
  task.onProgressUpdate(({ totalBytesSent }) => seen.push(totalBytesSent))
  task.onHeadersReceived(({ header }) => seen.push(header['x-request-id']))
  await task
  assert.deepEqual(seen, [5, 10, 'req-http'])
  assert.equal(server.taken().find(({ path }) => path.endsWith('grantUpload')).body.contentType, 'text/plain')
})

test('what is not there says so when it is used, not before', () => {
  const { services, extend } = cloud
  assert.throws(() => services.Gateway({}), error => error.errCode === -604100)
  assert.throws(() => extend.AI, error => error.errCode === -604100)
})

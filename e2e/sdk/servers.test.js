// The SDKs of server code, with the keys of the app: from outside, as scripts and servers of the owner use them.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { row } = require('./results')
const { start, reload } = require('./server')
const { serverCases } = require('./servercases')

let server
before(async () => {
  process.env.TENCENTCLOUD = 'true' // no probe of the vendor's metadata service
  server = await start()
})
after(() => server.stop())

/** What is the same in two ways of saying it: how data are passed, and what replies look like. */
const wx = {
  put: data => ({ data }), ids: r => r._ids || [r._id], one: r => r.data, updated: r => r.stats.updated, removed: r => r.stats.removed, list: r => r.list,
  missing: -502005, taken: -502001, failed: -504002, operator: -502002,
  fails: e => e.errCode, text: e => e.errMsg, fileOk: f => f.status === 0
}
const plain = {
  put: data => data, ids: r => r.ids || r.insertedIds || [r.id || r._id], one: r => r.data[0], updated: r => r.updated, removed: r => r.deleted, list: r => r.data,
  missing: 'DATABASE_COLLECTION_NOT_EXIST', taken: 'DATABASE_REQUEST_FAILED', failed: 'FUNCTIONS_EXECUTE_FAIL', operator: 'DATABASE_INVALID_OPERRATOR',
  fails: e => e.code, text: e => e.message, fileOk: f => f.code === 'SUCCESS'
}
const variable = 'environment variable `TCB_CONTEXT_CNFG`'
const option = 'init option `serviceUrl`'
const byKeys = () => ({ env: server.app, secretId: server.secretId, secretKey: server.secretKey })
const address = () => `${server.url}/admin`

/** wx-server-sdk is its own client; the others make one. */
const wxServer = options => from => { const sdk = reload(from); sdk.init(options()); return sdk }
const nodeSDK = options => from => { const sdk = reload(from); return (sdk.default || sdk).init(options()) }

// Version 4 of wx-server-sdk has one number for all failures of functions.
const clients = [
  ...[['wx-server-sdk-4', { ...wx, failed: -1 }], ['wx-server-sdk-3', wx], ['wx-server-sdk-2', wx]].flatMap(([from, face]) => [
    { package: 'wx-server-sdk', from, setting: variable, face, open: wxServer(byKeys), variable: true, wechat: true },
    { package: 'wx-server-sdk', from, setting: option, face, open: wxServer(() => ({ ...byKeys(), serviceUrl: address() })), wechat: true }
  ]),
  ...['@cloudbase/node-sdk', 'node-sdk-2'].flatMap(from => [
    { package: '@cloudbase/node-sdk', from, setting: variable, face: plain, open: nodeSDK(byKeys), variable: true, tickets: true, users: true },
    { package: '@cloudbase/node-sdk', from, setting: option, face: plain, open: nodeSDK(() => ({ ...byKeys(), serviceUrl: address() })), tickets: true, users: true }
  ]),
  { package: '@cloudbase/node-sdk', setting: `${option}, \`accessKey\` instead of keys`, face: plain, open: nodeSDK(() => ({ env: server.app, accessKey: server.apiKey, serviceUrl: address() })) },
  {
    package: 'tcb-admin-node', setting: `${option}, \`signMethod: 'v3'\``, face: plain, tickets: true,
    open: nodeSDK(() => ({ ...byKeys(), serviceUrl: address(), signMethod: 'v3' }))
  }
]

for (const client of clients) {
  const open = () => {
    delete process.env.TCB_CONTEXT_CNFG
    if (client.variable) process.env.TCB_CONTEXT_CNFG = JSON.stringify({ URL: address() })
    return client.open(client.from || client.package)
  }
  serverCases(row(client), { ...client, open, openWith: options => nodeSDK(() => options)(client.from || client.package), server: () => server })
}

row({ package: 'tcb-admin-node', setting: option }).lacks('signatures of `signMethod: \'v2\'`, its default', 'a request is refused', async () => {
  const sdk = nodeSDK(() => ({ ...byKeys(), serviceUrl: address() }))('tcb-admin-node')
  const reply = await sdk.database().collection('notes').get().catch(e => e)
  assert.equal(reply.code, 'INVALID_REQUEST_SOURCE', JSON.stringify(reply))
})

test('an environment that belongs to no key', async () => {
  const other = nodeSDK(() => ({ ...byKeys(), serviceUrl: address(), secretKey: 'x'.repeat(32) }))('@cloudbase/node-sdk')
  await assert.rejects(other.database().collection('notes').get(), e => e.code !== undefined)
})

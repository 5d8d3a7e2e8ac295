// The mini-program build of js-sdk 3, with the official adapter, on simulated phones.
'use strict'
const { before, after } = require('node:test')
const assert = require('node:assert/strict')
const { row } = require('./results')
const { start } = require('./server')
const { clientCases } = require('./clientcases')
const { Phone } = require('./wx')

for (const level of ['log', 'warn', 'error', 'info', 'debug']) console[level] = () => {}
let server, ticketKeys
const phones = []
before(async () => {
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', () => {})
  server = await start()
})
after(async () => {
  await server.stop()
  setImmediate(() => process.exit(process.exitCode)) // the clients keep timers
})

const refusedBy = reply => {
  if (reply && reply.error) throw Object.assign(new Error(JSON.stringify(reply.error)), { cause: reply.error })
  return reply
}

/** The SDK on a phone of its own. */
function open (options) {
  const phone = new Phone()
  phones.push(phone)
  const sdk = phone.load('@cloudbase/js-sdk/miniprogram_dist/index.js')
  sdk.useAdapters(phone.load('@cloudbase/adapter-wx_mp/dist/index.js'), {})
  const app = sdk.init({ env: server.app, timeout: 20000, ...options })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { phone, app, auth: app.auth({ persistence: 'local' }), db: app.database() }
}
const endpoints = 'mini-program build with `@cloudbase/adapter-wx_mp`, `registerEndPointWithKey` twice, then `app.auth({…})`'
const cases = row({ package: '@cloudbase/js-sdk', setting: `${endpoints}; \`endPointMode: 'CLOUD_API'\`` })
clientCases(cases, {
  server: () => server,
  open: () => open({ endPointMode: 'CLOUD_API' }),
  cut: () => { for (const phone of phones) phone.cut() },
  async tickets () {
    ticketKeys ??= server.manage('POST', '/ticketKeys')
    const node = require('@cloudbase/node-sdk').init({ env: server.app, secretId: 'x', secretKey: 'x', credentials: await ticketKeys })
    return { ticketOf: name => node.auth().createTicket(name, { refresh: 3600 * 1000 }) }
  },
  guest: async c => refusedBy(await c.auth.signInAnonymously()),
  enter: async (c, username, password) => refusedBy(await c.auth.signInWithPassword({ username, password })),
  byTicket: async (c, ticket) => {
    c.auth.setCustomSignFunc(async () => ticket)
    refusedBy(await c.auth.signInWithCustomTicket())
  },
  uid: async c => (await c.auth.getLoginState())?.user.uid,
  leave: c => c.auth.signOut(),
  file: (bytes, c) => c.phone.file(bytes),
  inTransaction: r => r.data.list ? r.data.list[0] : Array.isArray(r.data) ? r.data[0] : r.data
})

const gateway = row({ package: '@cloudbase/js-sdk', setting: endpoints })
gateway.works('documents', 'add, get, remove, aggregate', async () => {
  const c = open()
  refusedBy(await c.auth.signInAnonymously())
  await c.db.collection('notes').add({ _id: 'wx-1', n: 1 })
  assert.equal((await c.db.collection('notes').doc('wx-1').get()).data[0].n, 1)
  assert.equal((await c.db.collection('notes').where({ n: 1 }).remove()).deleted, 1)
})
gateway.works('functions', 'data in, result out', async () => {
  const c = open()
  refusedBy(await c.auth.signInAnonymously())
  assert.equal((await c.app.callFunction({ name: 'echo', data: { a: 1 } })).result.event.a, 1)
})
gateway.works('files', 'up by either method, address', async () => {
  const c = open()
  refusedBy(await c.auth.signInAnonymously())
  for (const method of ['put', 'post']) {
    const { fileID } = await c.app.uploadFile({ cloudPath: `wx/${method}.txt`, filePath: c.phone.file(Buffer.from(method)), method })
    const { tempFileURL } = (await c.app.getTempFileURL({ fileList: [fileID] })).fileList[0]
    assert.equal(await (await fetch(tempFileURL)).text(), method)
  }
})
gateway.lacks('set and update, which WeChat\'s `wx.request` cannot send', 'PATCH is no method there', async () => {
  const c = open()
  refusedBy(await c.auth.signInAnonymously())
  await c.db.collection('notes').add({ _id: 'wx-2', n: 1 })
  await c.db.collection('notes').doc('wx-2').update({ n: 2 }).catch(() => {})
  assert.equal((await c.db.collection('notes').doc('wx-2').get()).data[0].n, 1)
})

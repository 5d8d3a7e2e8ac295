// The SDK of end users, in its versions and modes, in Node.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const WS = require('ws')
const adapter = require('./adapter')
const { row } = require('./results')
const { start, reload } = require('./server')
const { clientCases } = require('./clientcases')

// The clients log every message of a watch, and leave a rejection unhandled when one is refused.
for (const level of ['log', 'warn', 'error', 'info', 'debug']) console[level] = () => {}
const sockets = []
const emit = WS.prototype.emit
WS.prototype.emit = function (event, ...rest) { if (event === 'open') sockets.push(this); return emit.call(this, event, ...rest) }

let server, ticketKeys
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
const shared = {
  server: () => server,
  cut: () => { for (const socket of sockets.splice(0)) socket.terminate() },
  async tickets () {
    ticketKeys ??= server.manage('POST', '/ticketKeys')
    const credentials = await ticketKeys
    const node = require('@cloudbase/node-sdk').init({ env: server.app, secretId: 'x', secretKey: 'x', credentials })
    return { ticketOf: name => node.auth().createTicket(name, { refresh: 3600 * 1000 }) }
  },
  uid: async c => (await c.auth.getLoginState())?.user.uid,
  leave: c => c.auth.signOut()
}

function sdk (from, neutral) {
  const loaded = reload(from)
  const it = loaded.default || loaded
  if (neutral) it.useAdapters(adapter())
  return it
}

/** Versions 2 and 3. */
function opened (from, options, neutral) {
  const app = sdk(from, neutral).init({ env: server.app, timeout: 20000, ...options })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { app, auth: app.auth({ persistence: 'local' }), db: app.database() }
}
const newer = {
  ...shared,
  guest: async c => refusedBy(await c.auth.signInAnonymously()),
  byTicket: async (c, ticket) => {
    c.auth.setCustomSignFunc(async () => ticket)
    refusedBy(await c.auth.signInWithCustomTicket())
  }
}
const three = {
  ...newer,
  enter: async (c, username, password) => refusedBy(await c.auth.signInWithPassword({ username, password })),
  file: bytes => new Blob([bytes]),
  inTransaction: r => r.data.list ? r.data.list[0] : Array.isArray(r.data) ? r.data[0] : r.data
}
const endpoints = '`registerEndPointWithKey` twice, then `app.auth({…})`'

clientCases(row({ package: '@cloudbase/js-sdk', setting: endpoints }), { ...three, open: () => opened('@cloudbase/js-sdk') })
clientCases(row({ package: '@cloudbase/js-sdk', setting: `${endpoints}; \`endPointMode: 'CLOUD_API'\`` }), {
  ...three, open: () => opened('@cloudbase/js-sdk', { endPointMode: 'CLOUD_API' })
})
clientCases(row({ package: '@cloudbase/js-sdk', from: 'js-sdk-2', setting: `own adapter (\`useAdapters\`), ${endpoints}` }), {
  ...newer,
  open: () => opened('js-sdk-2', {}, true),
  enter: async (c, username, password) => refusedBy(await c.auth.signIn({ username, password })),
  file: bytes => bytes,
  inTransaction: r => r.data
})
clientCases(row({ package: '@cloudbase/js-sdk', from: 'js-sdk-1', setting: 'own adapter (`useAdapters`), `registerEndPoint`' }), {
  ...shared,
  open: () => {
    const app = sdk('js-sdk-1', true).init({ env: server.app, appSign: 'tests', appSecret: { appAccessKeyId: '1', appAccessKey: 'key' } })
    app.registerEndPoint(`//${server.host}/web`, 'http:')
    return { app, auth: app.auth({ persistence: 'local' }), db: app.database() }
  },
  sameGuest: true,
  guest: c => c.auth.anonymousAuthProvider().signIn(),
  enter: (c, username, password) => c.auth.signInWithUsernameAndPassword(username, password),
  byTicket: (c, ticket) => c.auth.customAuthProvider().signIn(ticket),
  file: bytes => bytes,
  inTransaction: r => r.data
})

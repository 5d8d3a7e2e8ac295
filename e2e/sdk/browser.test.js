// js-sdk 3 on pages in Chromium: of an origin that the app allows, and of one that it does not.
'use strict'
const { before, after } = require('node:test')
const assert = require('node:assert/strict')
const http = require('node:http')
const esbuild = require('esbuild')
const { chromium } = require('playwright-core')
const { executablePath } = require('./chromium')
const { row } = require('./results')
const { start } = require('./server')


/** The SDK as a web project's bundler makes it. */
const sdk = esbuild.buildSync({
  stdin: { contents: "export { default } from '@cloudbase/js-sdk'", resolveDir: __dirname }, bundle: true, format: 'esm', platform: 'browser', logLevel: 'error', write: false
}).outputFiles[0].contents

let server, site, browser
before(async () => {
  server = await start()
  site = http.createServer((request, response) => {
    if (request.url === '/sdk.js') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(sdk)
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>shop</title>')
  })
  await new Promise(resolve => site.listen(0, '127.0.0.1', resolve))
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
  })
  await server.manage('PATCH', '', { allowedOrigins: [`http://shop.example:${site.address().port}`] })
})
after(async () => {
  await browser?.close()
  site?.closeAllConnections()
  site?.close()
  await server?.stop()
})

/** A page of a host, with a client on it. */
async function visit (host, options = {}) {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`http://${host}:${site.address().port}/`)
  await page.evaluate(async ({ host, app, options }) => {
    const loaded = await import('/sdk.js')
    const it = loaded.default.init({ env: app, timeout: 10000, ...options })
    it.registerEndPointWithKey({ key: 'GATEWAY', url: `//${host}/v1`, protocol: 'http' })
    it.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${host}/web`, protocol: 'http' })
    window.app = it
    window.auth = it.auth({ persistence: 'local' })
    window.db = it.database()
  }, { host: server.host, app: server.app, options })
  return page
}

const setting = `page in Chromium of an origin in \`allowedOrigins\`, \`registerEndPointWithKey\` twice, then \`app.auth({…})\``
const page = row({ package: '@cloudbase/js-sdk', setting })

page.works('sign-in', 'anonymously, and by name over a reload', async () => {
  await server.manage('POST', '/users', { username: 'li', password: 'Pw-12345678' })
  const p = await visit('shop.example')
  assert.ok(await p.evaluate(async () => { await auth.signInAnonymously(); return (await auth.getLoginState()).user.uid }))
  const uid = await p.evaluate(async () => {
    const reply = await auth.signInWithPassword({ username: 'li', password: 'Pw-12345678' })
    if (reply.error) throw new Error(JSON.stringify(reply.error))
    return (await auth.getLoginState()).user.uid
  })
  await p.reload()
  await p.evaluate(async ({ host, app }) => {
    const it = (await import('/sdk.js')).default.init({ env: app })
    it.registerEndPointWithKey({ key: 'GATEWAY', url: `//${host}/v1`, protocol: 'http' })
    it.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${host}/web`, protocol: 'http' })
    window.auth = it.auth({ persistence: 'local' })
  }, { host: server.host, app: server.app })
  assert.equal(await p.evaluate(async () => (await auth.getLoginState()).user.uid), uid)
  await p.context().close()
})
page.works('account', 'another password and the end of the account, by PATCH and DELETE', async () => {
  await server.manage('POST', '/users', { username: 'zhao', password: 'Pw-12345678' })
  const p = await visit('shop.example')
  await p.evaluate(async () => {
    await auth.signInWithPassword({ username: 'zhao', password: 'Pw-12345678' })
    let { sudo_token: sudo } = await auth.sudo({ password: 'Pw-12345678' })
    await auth.setPassword({ sudo_token: sudo, new_password: 'Pw-87654321' })
    ;({ sudo_token: sudo } = await auth.sudo({ password: 'Pw-87654321' }))
    await auth.deleteMe({ sudo_token: sudo })
  })
  const reply = await fetch(`${server.url}/auth/v1/signin?client_id=${server.app}`, { method: 'POST', body: JSON.stringify({ username: 'zhao', password: 'Pw-87654321' }) })
  assert.equal((await reply.json()).error, 'invalid_username_or_password')
  await p.context().close()
})
for (const [mode, options] of [['', {}], [' in CLOUD_API mode', { endPointMode: 'CLOUD_API' }]]) {
  page.works('documents', `written, found, changed, in a transaction${mode}`, async () => {
    const p = await visit('shop.example', options)
    const seen = await p.evaluate(async () => {
      await auth.signInAnonymously()
      const notes = db.collection('notes')
      const { id } = await notes.add({ n: 1, at: new Date(0), s: '云' })
      await notes.doc(id).update({ n: db.command.inc(1) })
      await db.runTransaction(async t => { await t.collection('notes').doc(id).update({ deep: { a: 1 } }) })
      const { data } = await notes.where({ n: db.command.gt(1) }).get()
      return data.map(d => ({ n: d.n, at: new Date(d.at).getTime(), s: d.s, deep: d.deep }))
    })
    assert.deepEqual(seen, [{ n: 2, at: 0, s: '云', deep: { a: 1 } }])
    await p.context().close()
  })
}
page.works('functions', 'data in, result out', async () => {
  const p = await visit('shop.example')
  assert.deepEqual(await p.evaluate(async () => { await auth.signInAnonymously(); return (await app.callFunction({ name: 'echo', data: { a: [1] } })).result.event.a }), [1])
  await p.context().close()
})
page.works('files', 'up with progress, read, away', async () => {
  const p = await visit('shop.example')
  const result = await p.evaluate(async () => {
    await auth.signInAnonymously()
    let progress = 0
    const { fileID } = await app.uploadFile({ cloudPath: 'page/照片 1.txt', filePath: new File(['from the page'], 'x.txt'), onUploadProgress: e => { progress = e.loaded } })
    const { tempFileURL } = (await app.getTempFileURL({ fileList: [fileID] })).fileList[0]
    const text = await (await fetch(tempFileURL)).text()
    return { text, progress, code: (await app.deleteFile({ fileList: [fileID] })).fileList[0].code }
  })
  assert.deepEqual(result, { text: 'from the page', progress: 13, code: 'SUCCESS' })
  await p.context().close()
})
page.works('watch', 'changes arrive', async () => {
  const p = await visit('shop.example')
  const seen = await p.evaluate(async () => {
    await auth.signInAnonymously()
    const notes = db.collection('notes')
    const seen = []
    let wake
    const until = async probe => { while (!seen.some(probe)) await new Promise(resolve => { wake = resolve }) }
    const watch = notes.where({ page: true }).watch({ onChange: s => { seen.push(s.docs.map(d => d._id).join()); wake?.() }, onError: e => { seen.push(String(e)); wake?.() } })
    await until(ids => ids === '')
    await notes.add({ _id: 'page-1', page: true })
    await until(ids => ids === 'page-1')
    await watch.close()
    return seen
  })
  assert.deepEqual(seen, ['', 'page-1'])
  await p.context().close()
})

const foreign = row({ package: '@cloudbase/js-sdk', setting: 'page in Chromium of any other origin, `registerEndPointWithKey` twice, then `app.auth({…})`' })
foreign.lacks('anything', 'it reads no answer, opens no socket, and is told by the browser', async () => {
  const { accessToken } = await (await fetch(`${server.url}/v1/apps/${server.app}/auth/anonymous`, { method: 'POST', body: '{}' })).json()
  const p = await visit('evil.example')
  const result = await p.evaluate(async ({ url, env, accessToken }) => {
    const signedIn = await auth.signInAnonymously().then(r => !(r && r.error), () => false)
    const tried = {}
    for (const [name, path, init] of [
      ['gateway', '/v1/functions/echo', { method: 'POST', body: '{}' }],
      ['web', `/web?env=${env}`, { method: 'POST', body: JSON.stringify({ action: 'database.queryDocument', collectionName: 'notes', env, access_token: accessToken }) }],
      ['sign-in', `/auth/v1/signin/anonymously?client_id=${env}`, { method: 'POST', body: '{}' }],
      ['own', `/v1/apps/${env}/auth/anonymous`, { method: 'POST', body: '{}' }]
    ]) {
      tried[name] = await fetch(url + path, { ...init, headers: { authorization: `Bearer ${accessToken}` } }).then(() => 'read', e => e.name)
    }
    // The socket itself opens for anybody; it serves only who logs in, and from an allowed origin.
    tried.watch = await new Promise(resolve => {
      const socket = new WebSocket(url.replace('http', 'ws') + '/v1/apps/' + env + '/watch?access_token=' + accessToken)
      socket.onopen = () => resolve('open')
      socket.onerror = () => resolve('refused')
    })
    return { signedIn, tried, state: Boolean(await auth.getLoginState()) }
  }, { url: server.url, env: server.app, accessToken })
  assert.deepEqual(result, { signedIn: false, tried: { gateway: 'TypeError', web: 'TypeError', 'sign-in': 'TypeError', own: 'TypeError', watch: 'refused' }, state: false })
  await p.context().close()
})

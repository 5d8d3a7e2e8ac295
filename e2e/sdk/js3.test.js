// @cloudbase/js-sdk 3.7.0 on the gateway endpoint: what the shared acceptance cases do not touch.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { start } = require('./server')

let server
before(async () => { server = await start() })
after(() => server.stop())

/** A client of its own, as if in another browser. */
function client () {
  for (const file of Object.keys(require.cache)) if (/[\\/]@cloudbase[\\/]js-sdk[\\/]/.test(file)) delete require.cache[file]
  const loaded = require('@cloudbase/js-sdk')
  const sdk = loaded.default || loaded
  const app = sdk.init({ env: server.app, timeout: 20000 })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { app, auth: app.auth({ persistence: 'local' }), db: app.database() }
}
const ok = reply => { assert.ok(!(reply && reply.error), JSON.stringify(reply && reply.error)); return reply }
const uid = async c => (await c.auth.getLoginState()).user.uid

test('an email address: sign up, in by code, password reset, sudo, deletion', async () => {
  const email = 'li@example.com'
  const c = client()
  const up = ok(await c.auth.signUp({ email, password: 'Pw-12345678', name: 'Li' }))
  assert.ok((await up.data.verifyOtp({ token: '000000x' })).error)
  const again = client()
  await assert.rejects(again.auth.getVerification({ email }), 'no two codes at once')
  ok(await up.data.verifyOtp({ token: await server.code(email) }))
  const first = await uid(c)
  const byPassword = client()
  ok(await byPassword.auth.signInWithPassword({ email, password: 'Pw-12345678' }))
  assert.equal(await uid(byPassword), first)
  assert.equal((await c.auth.getUserInfo()).email, email)
  // The SDK's Node build cannot send PATCH and DELETE, by which it would do this.
  const change = old => fetch(`${server.url}/auth/v1/user/password`, {
    method: 'PATCH', headers: { authorization: `Bearer ${byPassword.token}` }, body: JSON.stringify({ old_password: old, new_password: 'Pw-87654321' })
  })
  byPassword.token = (await byPassword.auth.getAccessToken()).accessToken
  assert.equal((await (await change('Pw-00000000')).json()).error, 'invalid_username_or_password')
  assert.equal((await change('Pw-12345678')).status, 200)
  const old = await client().auth.signInWithPassword({ email, password: 'Pw-12345678' })
  assert.ok(old.error)
  const { sudo_token: sudo } = await byPassword.auth.sudo({ password: 'Pw-87654321' })
  const remove = token => fetch(`${server.url}/auth/v1/user/me?sudo_token=${token}`, { method: 'DELETE', headers: { authorization: `Bearer ${byPassword.token}` } })
  assert.ok((await (await remove('forged')).json()).error)
  assert.equal((await remove(sudo)).status, 200)
  assert.ok((await client().auth.signInWithPassword({ email, password: 'Pw-87654321' })).error)
})

test('profile and name', async () => {
  await server.manage('POST', '/users', { username: 'wang', password: 'Pw-12345678' })
  const c = client()
  ok(await c.auth.signInWithPassword({ username: 'wang', password: 'Pw-12345678' }))
  ok(await c.auth.updateUser({ nickname: '小王', avatar_url: 'https://example.com/w.png' }))
  const info = await c.auth.getUserInfo()
  assert.equal(info.nickname || info.name, '小王')
  assert.equal(info.picture, 'https://example.com/w.png')
  assert.equal(info.username, 'wang')
})

test('a ticket of the app\'s own server, as node-sdk signs it', async () => {
  const credentials = await server.manage('POST', '/ticketKeys')
  const node = require('@cloudbase/node-sdk')
  const ticketOf = name => node.init({ env: server.app, secretId: 'x', secretKey: 'x', credentials }).auth().createTicket(name, { refresh: 3600 * 1000 })
  const enter = async ticket => {
    const c = client()
    c.auth.setCustomSignFunc(async () => ticket)
    ok(await c.auth.signInWithCustomTicket())
    return uid(c)
  }
  const one = await enter(ticketOf('custom-7'))
  assert.notEqual(await enter(ticketOf('custom-8')), one)
  const used = client()
  const ticket = ticketOf('custom-9')
  await enter(ticket)
  used.auth.setCustomSignFunc(async () => ticket)
  await used.auth.signInWithCustomTicket().then(r => assert.ok(r.error), () => {})
})

test('rules: guests read the shop and change nothing, functions by kind of sign-in', async () => {
  const c = client()
  ok(await c.auth.signInAnonymously())
  const shop = c.db.collection('shop')
  assert.deepEqual((await shop.get()).data, [])
  await shop.add({ forged: true }).catch(() => {})
  assert.equal((await shop.count()).total, 0)
  const refused = await c.app.callFunction({ name: 'secret' }).catch(error => ({ error }))
  assert.ok(refused.error || refused.code)
  await server.manage('POST', '/users', { username: 'zhao', password: 'Pw-12345678' })
  const user = client()
  ok(await user.auth.signInWithPassword({ username: 'zhao', password: 'Pw-12345678' }))
  assert.equal((await user.app.callFunction({ name: 'secret' })).result, 'secret')
  const strict = user.db.collection('strict')
  await strict.add({ n: 1 })
  const all = await strict.get().catch(error => error)
  assert.match(JSON.stringify(all), /PERMISSION_DENIED/)
  assert.equal((await strict.where({ _openid: '{openid}' }).get()).data.length, 1)
})

test('ids that are awkward in an address', async () => {
  const c = client()
  ok(await c.auth.signInAnonymously())
  const notes = c.db.collection('notes')
  for (const _id of ['a/b', '中文 id', '7', '"quote"']) {
    assert.equal((await notes.add({ _id, at: 1 })).id, _id)
    assert.equal((await notes.doc(_id).get()).data[0]._id, _id)
  }
  const _ = c.db.command
  assert.equal((await notes.where({ _id: _.eq('7') }).get()).data[0]._id, '7')
  assert.equal((await notes.doc('7').update({})).updated, 0)
  assert.equal((await notes.doc('7').get()).data[0].at, 1, 'an empty update empties nothing')
})

test('runCommands under the caller\'s rules', async () => {
  const [li, han] = [client(), client()]
  for (const c of [li, han]) ok(await c.auth.signInAnonymously())
  await li.db.collection('notes').add({ _id: 'command-li', n: 1 })
  const run = (c, command) => c.db.runCommands({ commands: [command] })
  assert.equal((await run(li, { find: 'notes', filter: { _id: 'command-li' } })).list[0].length, 1)
  assert.equal((await run(han, { find: 'notes', filter: { _id: 'command-li' } })).list[0].length, 0)
  assert.equal((await run(han, { update: 'notes', updates: [{ q: {}, u: { $set: { n: 2 } }, multi: true }] })).list[0][0].n, 0)
})

test('a copy of a file', async () => {
  const c = client()
  ok(await c.auth.signInAnonymously())
  const { fileID } = await c.app.uploadFile({ cloudPath: 'three/a b#?.txt', filePath: new Blob(['text']) })
  const { fileList } = await c.app.copyFile({ fileList: [{ srcPath: 'three/a b#?.txt', dstPath: 'three/copy.txt' }] })
  assert.match(fileList[0].fileID, /three\/copy\.txt$/)
  for (const id of [fileID, fileList[0].fileID]) {
    const { tempFileURL } = (await c.app.getTempFileURL({ fileList: [id] })).fileList[0]
    assert.equal(await (await fetch(tempFileURL)).text(), 'text')
    const part = await fetch(tempFileURL, { headers: { range: 'bytes=1-2' } })
    assert.equal(part.status, 206)
    assert.equal(await part.text(), 'ex')
    assert.equal((await fetch(tempFileURL, { method: 'HEAD' })).headers.get('content-length'), '4')
  }
})

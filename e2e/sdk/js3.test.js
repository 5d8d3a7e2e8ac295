// @cloudbase/js-sdk 3: what only this version does.
'use strict'
const { before, after } = require('node:test')
const assert = require('node:assert/strict')
const { row } = require('./results')
const { start, reload, until } = require('./server')

let server
before(async () => {
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', () => {}) // of a watch whose server stopped
  server = await start()
})
after(async () => {
  await server.stop()
  setImmediate(() => process.exit(process.exitCode)) // a client with a watch keeps timers
})

/** A client of its own, as if in another browser. */
function client (options) {
  const loaded = reload('@cloudbase/js-sdk')
  const app = (loaded.default || loaded).init({ env: server.app, timeout: 20000, ...options })
  app.registerEndPointWithKey({ key: 'GATEWAY', url: `//${server.host}/v1`, protocol: 'http' })
  app.registerEndPointWithKey({ key: 'CLOUD_API', url: `//${server.host}/web`, protocol: 'http' })
  return { app, auth: app.auth({ persistence: 'local' }), db: app.database() }
}
const ok = reply => { assert.ok(!(reply && reply.error), JSON.stringify(reply && reply.error)); return reply }
const endpoints = '`registerEndPointWithKey` twice, then `app.auth({…})`'
const { works, lacks } = row({ package: '@cloudbase/js-sdk', setting: endpoints })
const keys = row({ package: '@cloudbase/js-sdk', setting: `${endpoints}; \`auth: {secretId, secretKey}\`, in Node` })

works('documents', 'IDs that are awkward in an address', async () => {
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

works('documents', 'runCommands under the caller\'s rules', async () => {
  const [li, han] = [client(), client()]
  for (const c of [li, han]) ok(await c.auth.signInAnonymously())
  await li.db.collection('notes').add({ _id: 'command-li', n: 1 })
  const run = (c, command) => c.db.runCommands({ commands: [command] })
  assert.equal((await run(li, { find: 'notes', filter: { _id: 'command-li' } })).list[0].length, 1)
  assert.equal((await run(han, { find: 'notes', filter: { _id: 'command-li' } })).list[0].length, 0)
  assert.equal((await run(han, { update: 'notes', updates: [{ q: {}, u: { $set: { n: 2 } }, multi: true }] })).list[0][0].n, 0)
})

works('files', 'a copy of a file', async () => {
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

works('account', 'codes to one address are not sent twice at once', async () => {
  const send = () => fetch(`${server.url}/auth/v1/verification?client_id=${server.app}`, { method: 'POST', body: JSON.stringify({ email: 'twice@example.com', target: 'ANY' }) })
  assert.equal((await send()).status, 200)
  const second = await send()
  assert.equal((await second.json()).error, 'resource_exhausted')
})

lacks('data models, SQL', 'their addresses are refused in the words of the SDK', async () => {
  const c = client()
  ok(await c.auth.signInAnonymously())
  const { accessToken } = await c.auth.getAccessToken()
  for (const path of ['/v1/model/prod/notes/list', '/v1/sql/none', '/v1/rdb/rest/notes']) {
    const reply = await fetch(server.url + path, { method: 'POST', headers: { authorization: `Bearer ${accessToken}` }, body: '{}' })
    assert.equal(reply.status, 404, path)
    await reply.json()
  }
})

keys.works('documents', 'as the app\'s owner, past the rules', async () => {
  const li = client()
  ok(await li.auth.signInAnonymously())
  await li.db.collection('notes').add({ _id: 'of-li', n: 1 })
  const owner = client({ auth: { secretId: server.secretId, secretKey: server.secretKey } })
  const _ = owner.db.command
  assert.equal((await owner.db.collection('notes').doc('of-li').update({ n: _.inc(1) })).updated, 1)
  assert.deepEqual((await owner.db.collection('notes').where({ _id: 'of-li' }).get()).data.map(d => d.n), [2])
  const stranger = client({ auth: { secretId: server.secretId, secretKey: 'x'.repeat(32) } })
  const refused = await stranger.db.collection('notes').get().catch(error => ({ code: error.message }))
  assert.ok(refused.code, JSON.stringify(refused))
})

keys.works('functions', 'as the app\'s owner', async () => {
  const owner = client({ auth: { secretId: server.secretId, secretKey: server.secretKey } })
  assert.equal((await owner.app.callFunction({ name: 'secret' })).result, 'secret')
})

// With keys this SDK sends a file's JSON in place of its bytes, and a signature beside the upload's authorization. That is
// refused rather than kept.
keys.lacks('uploads', 'what is sent in place of the bytes is not taken', async () => {
  const owner = client({ auth: { secretId: server.secretId, secretKey: server.secretKey } })
  await assert.rejects(owner.app.uploadFile({ cloudPath: 'keys/k.txt', filePath: Buffer.from('by keys') }), /STORAGE_SIGN_PARAM_INVALID/)
})

keys.works('watch', 'changes arrive', async () => {
  for (const level of ['log', 'warn']) console[level] = () => {} // the client logs every message
  const owner = client({ auth: { secretId: server.secretId, secretKey: server.secretKey } })
  const seen = []
  const errors = []
  const watch = owner.db.collection('notes').where({ by: 'keys' }).watch({ onChange: s => seen.push(s.docs.length), onError: e => errors.push(e) })
  const has = n => until(() => {
    const ended = errors.find(e => e instanceof Error)
    if (ended) throw ended
    return seen.at(-1) === n
  })
  await has(0)
  await owner.db.collection('notes').add({ by: 'keys' })
  await has(1)
  await watch.close()
})

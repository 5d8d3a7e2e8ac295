// What every SDK of end users must do, whatever its version and wherever it runs.
'use strict'
const assert = require('node:assert/strict')
const { until } = require('./server')

const password = 'Pw-12345678'
let made = 0

/**
 * `client` is how a version says things:
 * open() gives a client as if on another device: {app, auth, db}; guest(c), enter(c, name, password), byTicket(c, ticket)
 * sign in, leave(c) signs out, uid(c) is who is signed in, file(bytes) is what uploadFile takes.
 */
function clientCases ({ works, lacks }, client) {
  const user = async () => {
    const username = `u${process.pid}x${made++}`
    await client.server().manage('POST', '/users', { username, password })
    return username
  }
  const signedIn = async (name) => {
    const c = client.open()
    await client.enter(c, name || await user(), password)
    return c
  }
  const guest = async () => {
    const c = client.open()
    await client.guest(c)
    return c
  }
  /** A collection of the default rule: everybody has documents of one's own. */
  const collection = async () => {
    const name = `c${process.pid}_${made++}`
    await client.server().manage('POST', '/collections', { collection: name })
    return name
  }

  works('sign-in', client.sameGuest ? 'anonymously, and again as the same user' : 'anonymously', async () => {
    const c = await guest()
    const first = await client.uid(c)
    assert.ok(first)
    if (client.sameGuest) {
      await client.guest(c)
      assert.equal(await client.uid(c), first)
    }
    assert.notEqual(await client.uid(await guest()), first)
  })
  works('sign-in', 'by name and password; a wrong one is refused; out again', async () => {
    const name = await user()
    const c = client.open()
    await assert.rejects(client.enter(c, name, 'wrong-password'))
    await client.enter(c, name, password)
    assert.equal(await client.uid(await signedIn(name)), await client.uid(c))
    await client.leave(c)
    assert.ok(!(await client.uid(c)))
  })
  works('sign-in', 'by a ticket of the app\'s own server, once', async () => {
    const { ticketOf } = await client.tickets()
    const ticket = ticketOf('custom-7')
    const c = client.open()
    await client.byTicket(c, ticket)
    const again = client.open()
    await client.byTicket(again, ticketOf('custom-7'))
    assert.equal(await client.uid(again), await client.uid(c))
    await assert.rejects(client.byTicket(client.open(), ticket))
  })
  works('documents', 'values, conditions, order, window, fields, count', async () => {
    const c = await guest()
    const _ = c.db.command
    const notes = c.db.collection(await collection())
    const at = new Date('2024-05-06T07:08:09.123Z')
    const { id } = await notes.add({ n: 1, at, sd: c.db.serverDate(), loc: new c.db.Geo.Point(113, 23), big: 2 ** 40, s: 'Hello', zero: new Date(0), deep: { a: [1, { b: '云' }], no: null } })
    await notes.add({ n: 2, tags: ['a', 'b'] })
    const doc = (await notes.doc(id).get()).data[0]
    assert.equal(new Date(doc.at).getTime(), at.getTime())
    assert.ok(Math.abs(new Date(doc.sd) - Date.now()) < 60000)
    assert.equal(new Date(doc.zero).getTime(), 0)
    assert.equal(doc.big, 2 ** 40)
    assert.deepEqual(doc.deep, { a: [1, { b: '云' }], no: null })
    assert.deepEqual(doc.loc.coordinates || [doc.loc.longitude, doc.loc.latitude], [113, 23])
    const ns = async query => (await query.get()).data.map(d => d.n).sort().join('')
    assert.equal(await ns(notes.where({ n: _.gt(0).and(_.lt(2)) })), '1')
    assert.equal(await ns(notes.where({ n: _.in([2, 3]) })), '2')
    assert.equal(await ns(notes.where(_.or([{ n: 1 }, { n: 2 }]))), '12')
    assert.equal(await ns(notes.where({ at: _.gt(new Date(0)) })), '1')
    assert.equal(await ns(notes.where({ s: c.db.RegExp({ regexp: '^hel', options: 'i' }) })), '1')
    assert.equal(await ns(notes.where({ tags: _.all(['a', 'b']) })), '2')
    assert.equal((await notes.where({ n: _.gte(1) }).count()).total, 2)
    assert.deepEqual((await notes.orderBy('n', 'desc').skip(1).limit(1).field({ n: true }).get()).data, [{ _id: id, n: 1 }])
    assert.deepEqual((await notes.doc('never').get()).data, [])
  })
  works('documents', 'update, set, remove', async () => {
    const c = await guest()
    const _ = c.db.command
    const notes = c.db.collection(await collection())
    await notes.add({ _id: 'a', n: 1, gone: 1, l: [1], o: { x: 1, y: 2 } })
    await notes.add({ _id: 'b', n: 2 })
    assert.equal((await notes.doc('a').update({ n: _.inc(4), gone: _.remove(), l: _.push([2]), o: { y: 3 } })).updated, 1)
    const { _openid: owner, ...doc } = (await notes.doc('a').get()).data[0]
    assert.deepEqual(doc, { _id: 'a', n: 5, l: [1, 2], o: { x: 1, y: 3 } })
    await notes.doc('a').set({ z: 1 })
    assert.deepEqual((await notes.doc('a').get()).data, [{ _id: 'a', z: 1, _openid: owner }])
    await notes.doc('made').set({ n: 9 })
    assert.equal((await notes.doc('never').update({ n: 1 })).updated, 0)
    assert.equal((await notes.where({ n: _.gte(2) }).update({ seen: true })).updated, 2)
    assert.equal((await notes.where({ seen: true }).remove()).deleted, 2)
    assert.equal((await notes.doc('a').remove()).deleted, 1)
  })
  works('aggregation', 'match, group, project', async () => {
    const c = await guest()
    const _ = c.db.command
    const notes = c.db.collection(await collection())
    for (const n of [1, 2, 4]) await notes.add({ n, k: n % 2 })
    const { data } = await notes.aggregate().match({ n: _.gte(1) }).group({ _id: '$k', sum: _.aggregate.sum('$n') }).sort({ _id: 1 }).project({ _id: 0, k: '$_id', sum: 1 }).end()
    assert.deepEqual(data, [{ k: 0, sum: 6 }, { k: 1, sum: 1 }])
  })
  works('transactions', 'commit and rollback', async () => {
    const c = await guest()
    const name = await collection()
    const notes = c.db.collection(name)
    await notes.add({ _id: 'a', n: 1 })
    await c.db.runTransaction(async t => {
      const doc = client.inTransaction(await t.collection(name).doc('a').get())
      await t.collection(name).doc('a').update({ n: doc.n + 1 })
      await t.collection(name).add({ _id: 'in', n: 5 })
    })
    assert.equal((await notes.doc('a').get()).data[0].n, 2)
    assert.equal((await notes.doc('in').get()).data[0].n, 5)
    const t = await c.db.startTransaction()
    await t.collection(name).doc('a').set({ n: 0 })
    await t.rollback()
    assert.equal((await notes.doc('a').get()).data[0].n, 2)
  })
  works('functions', 'data in, result out, as who is signed in', async () => {
    const c = await signedIn()
    assert.deepEqual((await c.app.callFunction({ name: 'echo', data: { a: [1, '云'] } })).result.event.a, [1, '云'])
    assert.equal((await c.app.callFunction({ name: 'uid' })).result, await client.uid(c))
    for (const name of ['throws', 'nowhere']) {
      const refused = await c.app.callFunction({ name }).catch(error => ({ code: error.message || 'refused' }))
      assert.ok(refused.code, JSON.stringify(refused))
    }
  })
  works('files', 'up, address, range, away; another user cannot delete or replace', async () => {
    const [li, han] = [await guest(), await guest()]
    const bytes = Buffer.from([0, 255, 13, 10, 0xe4])
    const cloudPath = `clients/${made++}/照片 1.bin`
    const { fileID } = await li.app.uploadFile({ cloudPath, filePath: client.file(bytes, li) })
    assert.ok(fileID.endsWith(`/${cloudPath}`), fileID)
    await han.app.deleteFile({ fileList: [fileID] }).catch(() => {})
    await han.app.uploadFile({ cloudPath, filePath: client.file(Buffer.from('other'), han) }).catch(() => {})
    const { tempFileURL } = (await li.app.getTempFileURL({ fileList: [fileID] })).fileList[0]
    assert.deepEqual(Buffer.from(await (await fetch(tempFileURL)).arrayBuffer()), bytes)
    const part = await fetch(tempFileURL, { headers: { range: 'bytes=1-2' } })
    assert.deepEqual([part.status, Buffer.from(await part.arrayBuffer())], [206, bytes.subarray(1, 3)])
    assert.equal((await li.app.deleteFile({ fileList: [fileID] })).fileList[0].code, 'SUCCESS')
    const gone = (await li.app.getTempFileURL({ fileList: [fileID] })).fileList[0]
    assert.ok(!gone.tempFileURL, JSON.stringify(gone))
  })
  works('watch', 'changes arrive in order, through a cut; nobody else\'s do', async () => {
    const [li, han] = [await signedIn(), await signedIn()]
    const name = await collection()
    const notes = li.db.collection(name)
    await notes.add({ _id: 'a', n: 1 })
    const seen = []
    const errors = []
    const watch = notes.where({ n: li.db.command.gt(0) }).watch({ onChange: s => seen.push(s), onError: e => errors.push(e) })
    const has = (what, probe) => until(() => {
      const ended = errors.find(e => e instanceof Error)
      if (ended) throw ended
      return seen.length && probe(seen.at(-1).docs)
    }).catch(e => { throw new Error(`${what}: ${e.message}: ${JSON.stringify(seen.at(-1))}`) })
    const ids = docs => docs.map(d => d._id).sort().join('')
    await has('first snapshot', docs => ids(docs) === 'a')
    await notes.add({ _id: 'b', n: 2 })
    await has('added', docs => ids(docs) === 'ab')
    client.cut()
    await han.db.collection(name).add({ _id: 'x', n: 9 })
    await notes.doc('a').update({ n: 7 })
    await has('changed while nobody was connected', docs => docs.find(d => d._id === 'a')?.n === 7)
    await notes.doc('b').update({ n: 0 })
    await has('left', docs => ids(docs) === 'a')
    await notes.doc('a').remove()
    await has('removed', docs => ids(docs) === '')
    assert.ok(!seen.some(s => s.docs.some(d => d._id === 'x')))
    for (let i = 1; i < seen.length; i++) assert.equal(seen[i].id, seen[i - 1].id + 1)
    await watch.close()
  })
  works('watch', 'orderBy and limit keep a window', async () => {
    const c = await guest()
    const notes = c.db.collection(await collection())
    for (const [_id, n] of [['a', 1], ['b', 2], ['c', 3]]) await notes.add({ _id, n })
    const seen = []
    const errors = []
    const watch = notes.where({}).orderBy('n', 'desc').limit(2).watch({ onChange: s => seen.push(s), onError: e => errors.push(e) })
    const has = ids => until(() => seen.length && seen.at(-1).docs.map(d => d._id).sort().join('') === ids)
    await has('bc')
    await notes.add({ _id: 'd', n: 9 })
    await has('cd')
    await notes.doc('d').remove()
    await has('bc')
    await watch.close()
  })
  works('rules', 'another\'s documents are neither seen nor changed, the shop\'s only seen', async () => {
    const [li, han] = [await guest(), await guest()]
    const name = await collection()
    const { id } = await li.db.collection(name).add({ secret: 1 })
    const his = han.db.collection(name)
    assert.deepEqual((await his.doc(id).get()).data, [])
    assert.equal((await his.count()).total, 0)
    assert.equal((await his.doc(id).update({ secret: 2 })).updated, 0)
    assert.equal((await his.doc(id).remove()).deleted, 0)
    assert.equal((await li.db.collection(name).doc(id).get()).data[0].secret, 1)
    await han.db.collection('shop').add({ forged: true }).catch(() => {})
    assert.deepEqual((await li.db.collection('shop').get()).data, [])
    const refused = await han.app.callFunction({ name: 'secret' }).catch(error => ({ code: error.message || 'refused' }))
    assert.ok(refused.code)
  })
  works('rules', 'a strict collection refuses what asks for too much', async () => {
    const c = await guest()
    await c.db.collection('strict').add({ n: 1 })
    const all = await c.db.collection('strict').get().catch(error => ({ error: error.message || error }))
    assert.match(JSON.stringify(all), /PERMISSION_DENIED/)
    assert.equal((await c.db.collection('strict').where({ _openid: '{openid}' }).get()).data.length, 1)
  })
  lacks('making collections', 'they are the owner\'s', async () => {
    const c = await guest()
    const name = `c${process.pid}_${made++}`
    await c.db.createCollection(name).catch(() => {})
    const { collections } = await client.server().manage('GET', '/collections')
    assert.ok(!collections.some(c => c.name === name))
  })
}

module.exports = { clientCases, password }

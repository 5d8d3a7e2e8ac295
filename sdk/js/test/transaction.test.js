'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { failure, wxServer, rejection } = require('./support')

const conflict = failure('transaction_conflict', 'another write came first', { retryable: true })
const operations = host => host.taken().map(([name]) => name.split('.')[1])

test('every operation of a transaction carries its ID', async () => {
  const { db, host } = wxServer({ 'documents.get': { document: { _id: 'a' } } })
  const t = await db.startTransaction()
  const c = t.collection('c')
  await c.doc('a').get()
  await c.doc('a').update({ data: { n: db.command.inc(1) } })
  await c.doc('a').set({ data: { n: 1 } })
  await c.doc('a').remove()
  await c.add({ data: { n: 1 } })
  await c.where({ n: 1 }).get()
  await c.where({ n: 1 }).count()
  await c.aggregate().limit(1).end()
  await t.commit()
  const calls = host.taken()
  assert.deepEqual(calls[0], ['documents.begin', {}])
  assert.ok(calls.slice(1).every(([, request]) => request.transaction === 'tx1'))
  assert.deepEqual(calls.map(([name]) => name.split('.')[1]), ['begin', 'get', 'update', 'update', 'delete', 'insert', 'find', 'count', 'aggregate', 'commit'])
})

test('runTransaction commits and gives the value of its body', async () => {
  const { db, host } = wxServer()
  assert.deepEqual(await db.runTransaction(async t => { await t.collection('c').doc('a').remove(); return { left: 1 } }), { left: 1 })
  assert.deepEqual(operations(host), ['begin', 'delete', 'commit'])
})

test('rollback(reason) rejects with the reason, whatever the body does next', async () => {
  const { db, host } = wxServer()
  const reason = await rejection(db.runTransaction(async t => {
    await t.rollback('not enough')
    await t.collection('c').doc('a').update({ data: { n: 1 } })
  }))
  assert.equal(reason, 'not enough')
  assert.deepEqual(operations(host), ['begin', 'abort'])
  const object = { code: 1 }
  assert.equal(await rejection(db.runTransaction(t => t.rollback(object))), object)
})

test('rollback without a reason rejects with an error', async () => {
  const { db } = wxServer()
  assert.match((await rejection(db.runTransaction(t => t.rollback()))).errMsg, /rolled back/)
})

test('an error of the body rolls back and comes out as it is', async () => {
  const { db, host } = wxServer()
  const own = new Error('own trouble')
  assert.equal(await rejection(db.runTransaction(async () => { throw own })), own)
  assert.deepEqual(operations(host), ['begin', 'abort'])
})

test('the own error comes out even if the rollback fails', async () => {
  const { db } = wxServer({ 'documents.abort': failure('transaction_not_found', 'gone') })
  assert.equal((await rejection(db.runTransaction(async () => { throw new Error('own trouble') }))).message, 'own trouble')
})

test('a conflict at commit runs the body again', async () => {
  let commits = 0
  const { db, host } = wxServer({ 'documents.commit': () => ++commits < 3 ? conflict : {} })
  let runs = 0
  assert.equal(await db.runTransaction(async () => ++runs), 3)
  assert.deepEqual(operations(host), ['begin', 'commit', 'begin', 'commit', 'begin', 'commit'])
})

test('a conflict of an operation runs the body again, even if the body swallowed it', async () => {
  for (const swallow of [false, true]) {
    let updates = 0
    let aborted = false
    const { db, host } = wxServer({
      'documents.update': () => { if (++updates > 1) return { matched: 1, modified: 1 }; aborted = true; return conflict },
      'documents.commit': () => { if (!aborted) return {}; aborted = false; return failure('transaction_not_found', 'aborted by the conflict') },
      'documents.abort': () => { aborted = false; return {} }
    })
    await db.runTransaction(async t => {
      const update = t.collection('c').doc('a').update({ data: { n: 1 } })
      await (swallow ? update.catch(() => {}) : update)
    })
    assert.deepEqual(operations(host), ['begin', 'update', swallow ? 'commit' : 'abort', 'begin', 'update', 'commit'])
  }
})

test('conflicts without end come out after the tries', async () => {
  const { db, host } = wxServer({ 'documents.commit': conflict })
  const error = await rejection(db.runTransaction(async () => {}, 2))
  assert.equal(error.reason, 'transaction_conflict')
  assert.equal(error.retryable, true)
  assert.match(error.errMsg, /^transaction\.commit:fail -502001/)
  assert.deepEqual(operations(host), ['begin', 'commit', 'begin', 'commit'])
})

test('a finished transaction refuses everything', async () => {
  const { db, host } = wxServer()
  const t = await db.startTransaction()
  await t.commit()
  host.taken()
  for (const use of [() => t.commit(), () => t.rollback(), () => t.collection('c').doc('x').remove()]) {
    assert.equal((await rejection(use())).reason, 'transaction_not_found')
  }
  assert.deepEqual(host.taken(), [])
})

test('a transaction that cannot begin rejects with a named error', async () => {
  const { db } = wxServer({ 'documents.begin': failure('shutting_down', 'stopping') })
  for (const start of [() => db.startTransaction(), () => db.runTransaction(async () => {})]) {
    const error = await rejection(start())
    assert.match(error.errMsg, /^startTransaction:fail -501001/)
    assert.equal(error.retryable, true)
  }
})

test('a missing document inside a transaction rejects and the transaction goes on', async () => {
  const { db, host } = wxServer()
  await db.runTransaction(async t => {
    await t.collection('c').doc('none').get().catch(() => {})
    await t.collection('c').doc('a').remove()
  })
  assert.deepEqual(operations(host), ['begin', 'get', 'delete', 'commit'])
})

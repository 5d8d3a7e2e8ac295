'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { wxServer, rejection } = require('./support')

const { host, db } = wxServer()
const _ = db.command
const date = new Date('2024-03-01T00:00:00.000Z')

/** name, data as written, update as sent */
const cases = [
  ['plain values are set', { a: 1, b: 'x', c: null, d: [1, { e: 2 }] }, { $set: { a: 1, b: 'x', c: null, d: [1, { e: 2 }] } }],
  ['undefined is left out', { a: undefined, b: 1 }, { $set: { b: 1 } }],
  ['nested objects merge field by field', { o: { x: { y: 1 }, z: 2 } }, { $set: { 'o.x.y': 1, 'o.z': 2 } }],
  ['quoted paths', { 'o.x': 1, 'l.0.n': 2 }, { $set: { 'o.x': 1, 'l.0.n': 2 } }],
  ['an empty nested object changes nothing, and never the whole document', { o: {} }, { $set: {} }],
  ['dates, server dates and shapes are values', { o: { d: date, s: db.serverDate(), n: new db.serverDate({ offset: 5 }), p: db.Geo.Point(1, 2) } },
    { $set: { 'o.d': { $date: '2024-03-01T00:00:00.000Z' }, 'o.s': { $serverDate: { offset: 0 } }, 'o.n': { $serverDate: { offset: 5 } }, 'o.p': { type: 'Point', coordinates: [1, 2] } } }],
  ['set replaces whole', { o: _.set({ z: 1, u: undefined, n: { m: 1 } }) }, { $set: { o: { z: 1, n: { m: 1 } } } }],
  ['remove', { a: _.remove(), o: { b: _.remove() } }, { $unset: { a: '', 'o.b': '' } }],
  ['inc, mul, min, max', { a: _.inc(-2), o: { b: _.mul(1.5) }, c: _.min(1), d: _.max(date) },
    { $inc: { a: -2 }, $mul: { 'o.b': 1.5 }, $min: { c: 1 }, $max: { d: { $date: '2024-03-01T00:00:00.000Z' } } }],
  ['rename', { old: _.rename('fresh') }, { $rename: { old: 'fresh' } }],
  ['bit', { a: _.bit({ and: 5 }) }, { $bit: { a: { and: 5 } } }],
  ['push one value', { l: _.push(1) }, { $push: { l: { $each: [1] } } }],
  ['push an object', { l: _.push({ k: { n: date } }) }, { $push: { l: { $each: [{ k: { n: { $date: '2024-03-01T00:00:00.000Z' } } }] } } }],
  ['push values', { l: _.push(1, 2), m: _.push([1, 2]), n: _.push([[1]]) }, { $push: { l: { $each: [1, 2] }, m: { $each: [1, 2] }, n: { $each: [[1]] } } }],
  ['push with options', { l: _.push({ each: [3], position: 0, sort: { s: -1 }, slice: -5 }) }, { $push: { l: { $each: [3], $position: 0, $sort: { s: -1 }, $slice: -5 } } }],
  ['push in the server\'s words', { l: _.push({ $each: [1], $slice: 2 }) }, { $push: { l: { $each: [1], $slice: 2 } } }],
  ['unshift', { l: _.unshift([1, 2]), m: _.unshift(3) }, { $push: { l: { $each: [1, 2], $position: 0 }, m: { $each: [3], $position: 0 } } }],
  ['pop and shift', { l: _.pop(), m: _.shift() }, { $pop: { l: 1, m: -1 } }],
  ['pull a value', { l: _.pull('a') }, { $pull: { l: 'a' } }],
  ['pull by a condition', { l: _.pull(_.gt(4)), m: _.pull(_.in([1, 2])) }, { $pull: { l: { $gt: 4 }, m: { $in: [1, 2] } } }],
  ['pull by two bounds', { l: _.pull(_.gt(1).and(_.lt(4))) }, { $pull: { l: { $gt: 1, $lt: 4 } } }],
  ['pull objects', { l: _.pull({ k: 1, n: { m: 1 }, q: _.gte(5) }) }, { $pull: { l: { k: 1, n: { m: 1 }, q: { $gte: 5 } } } }],
  ['pullAll', { l: _.pullAll([1, 2]) }, { $pullAll: { l: [1, 2] } }],
  ['addToSet', { l: _.addToSet('a'), m: _.addToSet({ $each: [1] }), n: _.addToSet([1, 2]) }, { $addToSet: { l: 'a', m: { $each: [1] }, n: [1, 2] } }],
  ['several operators', { n: _.inc(1), l: _.push(2), x: _.remove(), y: 'new' }, { $inc: { n: 1 }, $push: { l: { $each: [2] } }, $unset: { x: '' }, $set: { y: 'new' } }],
  ['raw operators', { $inc: { n: 1 }, $set: { a: { b: 1 } }, c: 2 }, { $inc: { n: 1 }, $set: { a: { b: 1 }, c: 2 } }],
  ['big integers', { a: 9007199254740993n }, { $set: { a: { $numberLong: '9007199254740993' } } }],
  ['bytes', { a: Buffer.from('hi'), b: new Uint8Array([1, 2, 3]).subarray(1) },
    { $set: { a: { $binary: { base64: 'aGk=', subType: '00' } }, b: { $binary: { base64: 'AgM=', subType: '00' } } } }],
  ['objects of other libraries', { day: { toJSON: () => '2024' }, n: Object(5), id: { _bsontype: 'ObjectId', toHexString: () => '507f1f77bcf86cd799439011' } },
    { $set: { day: '2024', n: 5, id: { $oid: '507f1f77bcf86cd799439011' } } }],
  ['functions are left out', { a () {}, b: 1 }, { $set: { b: 1 } }]
]

for (const [name, data, update] of cases) {
  test(`update: ${name}`, async () => {
    await db.collection('c').doc('x').update({ data })
    assert.deepEqual(host.taken(), [['documents.update', { collection: 'c', filter: { _id: 'x' }, update }]])
  })
}

test('a field called __proto__ is a field', async () => {
  await db.collection('c').add({ data: JSON.parse('{"__proto__": {"polluted": 1}, "a": 1}') })
  const [[, { documents: [sent] }]] = host.taken()
  assert.deepEqual(Object.keys(sent), ['__proto__', 'a'])
  assert.equal({}.polluted, undefined)
})

test('add sends documents as they are', async () => {
  const c = db.collection('c')
  await c.add({ data: { _id: 'mine', o: { x: { y: 1 } }, e: {}, at: db.serverDate(), u: undefined } })
  await c.add({ data: [{ a: 1 }, {}] })
  assert.deepEqual(host.taken(), [
    ['documents.insert', { collection: 'c', documents: [{ _id: 'mine', o: { x: { y: 1 } }, e: {}, at: { $serverDate: { offset: 0 } } }] }],
    ['documents.insert', { collection: 'c', documents: [{ a: 1 }, {}] }]
  ])
})

test('set sends a whole document and creates it if need be', async () => {
  await db.collection('c').doc(7).set({ data: { o: { x: 1 } } })
  assert.deepEqual(host.taken(), [['documents.update', { collection: 'c', filter: { _id: 7 }, update: { o: { x: 1 } }, upsert: true }]])
})

const refused = [
  ['add without data', () => db.collection('c').add({ a: 1 }), /parameter\.data should be object instead of undefined/],
  ['add of nothing', () => db.collection('c').add(), /parameter\.data should be object/],
  ['add of text', () => db.collection('c').add({ data: 'x' }), /parameter\.data should be object instead of string/],
  ['add with an operator', () => db.collection('c').add({ data: { n: _.inc(1) } }), /\$inc cannot be part of a plain value/],
  ['set with an operator', () => db.collection('c').doc('x').set({ data: { n: _.inc(1) } }), /\$inc cannot be part of a plain value/],
  ['set in the server\'s words', () => db.collection('c').doc('x').set({ data: { $inc: { n: 1 } } }), /\$inc/],
  ['set with _id', () => db.collection('c').doc('x').set({ data: { _id: 'x' } }), /_id/],
  ['update without data', () => db.collection('c').doc('x').update({ a: 1 }), /parameter\.data should be object/],
  ['update of nothing', () => db.collection('c').doc('x').update({ data: {} }), /must not be empty/],
  ['update of _id', () => db.collection('c').doc('x').update({ data: { _id: 'y', a: 1 } }), /_id cannot be changed/],
  ['update with a condition', () => db.collection('c').doc('x').update({ data: { a: _.gt(1) } }), /a: \$gt is a condition/],
  ['an operator inside an operator', () => db.collection('c').doc('x').update({ data: { a: _.set({ b: _.inc(1) }) } }), /\$inc/],
  ['inc by nothing', () => db.collection('c').doc('x').update({ data: { a: _.inc() } }), /a: \$inc needs a value/],
  ['an integer beyond 64 bits', () => db.collection('c').add({ data: { a: 2n ** 64n } }), /64 bits/],
  ['an invalid date', () => db.collection('c').add({ data: { a: new Date(NaN) } }), /invalid Date/]
]
for (const [name, mistake, text] of refused) {
  test(`refused before anything is sent: ${name}`, async () => {
    const error = await rejection(mistake())
    assert.ok(error instanceof Error)
    assert.match(error.errMsg, text)
    assert.match(error.errMsg, /^(collection|document)\.(add|set|update):fail /)
    assert.ok(error.errCode < 0)
    assert.deepEqual(host.taken(), [])
  })
}

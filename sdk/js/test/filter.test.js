'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { wxServer, rejection } = require('./support')

const { host, db } = wxServer()
const _ = db.command
const $ = _.aggregate
const { Point, LineString, Polygon } = db.Geo
const day = new Date('2024-03-01T00:00:00.000Z')

/** name, condition as written, filter as sent */
const cases = [
  ['plain values', { a: 1, b: 'x', c: true, d: null }, { a: 1, b: 'x', c: true, d: null }],
  ['nothing', {}, {}],
  ['undefined is dropped', { a: undefined, b: 1 }, { b: 1 }],
  ['nested objects become paths', { a: { b: { c: 1 }, d: 2 } }, { 'a.b.c': 1, 'a.d': 2 }],
  ['an empty nested object says nothing', { a: {}, b: 1 }, { b: 1 }],
  ['quoted paths', { 'a.b': 1 }, { 'a.b': 1 }],
  ['arrays are compared whole', { a: [1, { b: { c: 2 } }] }, { a: [1, { b: { c: 2 } }] }],
  ['dates', { a: day }, { a: { $date: '2024-03-01T00:00:00.000Z' } }],
  ['NaN and infinities', { a: NaN, b: -Infinity }, { a: { $numberDouble: 'NaN' }, b: { $numberDouble: '-Infinity' } }],
  ['native regular expressions lose g', { a: /x$/gi }, { a: { $regularExpression: { pattern: 'x$', options: 'i' } } }],
  ['db.RegExp', { a: db.RegExp({ regexp: 'x', options: 'mi' }) }, { a: { $regularExpression: { pattern: 'x', options: 'im' } } }],
  ['new db.RegExp', { a: new db.RegExp({ regexp: 'x' }) }, { a: { $regularExpression: { pattern: 'x', options: '' } } }],
  ['db.RegExp of a native one', { a: db.RegExp({ regexp: /q/s }) }, { a: { $regularExpression: { pattern: 'q', options: 's' } } }],
  ['server dates', { a: _.lt(db.serverDate({ offset: -5 })) }, { a: { $lt: { $serverDate: { offset: -5 } } } }],
  ['geo values', { a: Point(1, 2) }, { a: { type: 'Point', coordinates: [1, 2] } }],

  ['eq', { a: _.eq([1]) }, { a: { $eq: [1] } }],
  ['eq keeps objects whole', { a: _.eq({ b: { c: 1 } }) }, { a: { $eq: { b: { c: 1 } } } }],
  ['neq', { a: _.neq('x') }, { a: { $ne: 'x' } }],
  ['lt', { a: _.lt(1) }, { a: { $lt: 1 } }],
  ['lte', { a: _.lte(1) }, { a: { $lte: 1 } }],
  ['gt', { a: _.gt(day) }, { a: { $gt: { $date: '2024-03-01T00:00:00.000Z' } } }],
  ['gte on a nested field', { a: { b: _.gte(1) } }, { 'a.b': { $gte: 1 } }],
  ['in', { a: _.in([1, /x/]) }, { a: { $in: [1, { $regularExpression: { pattern: 'x', options: '' } }] } }],
  ['nin', { a: _.nin([1]) }, { a: { $nin: [1] } }],
  ['all', { a: _.all([1, 2]) }, { a: { $all: [1, 2] } }],
  ['all with elemMatch', { a: _.all([_.elemMatch({ b: 1 })]) }, { a: { $all: [{ $elemMatch: { b: 1 } }] } }],
  ['elemMatch over fields', { a: _.elemMatch({ b: 'x', c: _.gt(0), d: { e: 1 } }) }, { a: { $elemMatch: { b: 'x', c: { $gt: 0 }, d: { e: 1 } } } }],
  ['elemMatch over plain values', { a: _.elemMatch(_.eq('x')) }, { a: { $elemMatch: { $eq: 'x' } } }],
  ['elemMatch with two bounds', { a: _.elemMatch(_.gt(1).and(_.lt(4))) }, { a: { $elemMatch: { $gt: 1, $lt: 4 } } }],
  ['elemMatch with alternatives', { a: _.elemMatch(_.or([{ b: 1 }, { c: 2 }])) }, { a: { $elemMatch: { $or: [{ b: 1 }, { c: 2 }] } } }],
  ['exists', { a: _.exists(false) }, { a: { $exists: false } }],
  ['size', { a: _.size(2) }, { a: { $size: 2 } }],
  ['mod', { a: _.mod(3, 1) }, { a: { $mod: [3, 1] } }],
  ['mod as an array', { a: _.mod([3, 1]) }, { a: { $mod: [3, 1] } }],
  ['jsonSchema', _.jsonSchema({ required: ['a'] }), { $jsonSchema: { required: ['a'] } }],
  ['expr', _.expr($.gt(['$a', $.add(['$b', 1])])), { $expr: { $gt: ['$a', { $add: ['$b', 1] }] } }],
  ['geoNear', { a: _.geoNear({ geometry: Point(1, 2), maxDistance: 5, minDistance: 1 }) },
    { a: { $nearSphere: { $geometry: { type: 'Point', coordinates: [1, 2] }, $maxDistance: 5, $minDistance: 1 } } }],
  ['geoWithin a polygon', { a: _.geoWithin({ geometry: Polygon([LineString([Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 0)])]) }) },
    { a: { $geoWithin: { $geometry: { type: 'Polygon', coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] } } } }],
  ['geoWithin a circle', { a: _.geoWithin({ centerSphere: [Point(1, 2), 0.1] }) }, { a: { $geoWithin: { $centerSphere: [[1, 2], 0.1] } } }],
  ['geoIntersects', { a: _.geoIntersects({ geometry: LineString([Point(0, 0), Point(1, 0)]) }) },
    { a: { $geoIntersects: { $geometry: { type: 'LineString', coordinates: [[0, 0], [1, 0]] } } } }],

  ['chained and', { a: _.gt(1).and(_.lt(4)) }, { $and: [{ a: { $gt: 1 } }, { a: { $lt: 4 } }] }],
  ['chained comparison', { a: _.gt(1).lt(4) }, { $and: [{ a: { $gt: 1 } }, { a: { $lt: 4 } }] }],
  ['chained or', { a: _.lt(1).or(_.gt(4), _.eq(2)) }, { $or: [{ a: { $lt: 1 } }, { a: { $gt: 4 } }, { a: { $eq: 2 } }] }],
  ['or, then and', { a: _.gt(4).or(_.lt(1)).and(_.neq(7)) }, { $and: [{ $or: [{ a: { $gt: 4 } }, { a: { $lt: 1 } }] }, { a: { $ne: 7 } }] }],
  ['chained nor and not', { a: _.gt(4).nor(_.lt(1)), b: _.gt(1).not(_.eq(3)) },
    { $nor: [{ a: { $gt: 4 } }, { a: { $lt: 1 } }], $and: [{ b: { $gt: 1 } }, { b: { $not: { $eq: 3 } } }] }],
  ['and on one field', { a: _.and(_.gte(1), _.lte(2)) }, { $and: [{ a: { $gte: 1 } }, { a: { $lte: 2 } }] }],
  ['or on one field, array', { a: _.or([_.eq(1), /x/]) }, { $or: [{ a: { $eq: 1 } }, { a: { $regularExpression: { pattern: 'x', options: '' } } }] }],
  ['or of plain values on one field', { a: _.or(1, 2) }, { $or: [{ a: 1 }, { a: 2 }] }],
  ['nor on one field', { a: _.nor(_.eq(1), _.eq(2)) }, { $nor: [{ a: { $eq: 1 } }, { a: { $eq: 2 } }] }],
  ['not', { a: _.not(_.gt(1)) }, { a: { $not: { $gt: 1 } } }],
  ['not of a regular expression', { a: _.not(/x/) }, { a: { $not: { $regularExpression: { pattern: 'x', options: '' } } } }],
  ['not of a value', { a: _.not(3), b: _.not(day) }, { a: { $not: { $eq: 3 } }, b: { $not: { $eq: { $date: day.toISOString() } } } }],
  ['not of alternatives', { a: _.not(_.or(_.eq(1), _.eq(2))) }, { $nor: [{ $or: [{ a: { $eq: 1 } }, { a: { $eq: 2 } }] }] }],
  ['or over conditions, array', _.or([{ a: 1 }, { b: { c: _.gt(1) } }]), { $or: [{ a: 1 }, { 'b.c': { $gt: 1 } }] }],
  ['or over conditions, one by one', _.or({ a: 1 }, { b: 2 }), { $or: [{ a: 1 }, { b: 2 }] }],
  ['and over conditions with a nested or', _.and({ a: 1 }, _.or({ b: 1 }, { c: 1 })), { $and: [{ a: 1 }, { $or: [{ b: 1 }, { c: 1 }] }] }],
  ['nor over conditions', _.nor([{ a: 1 }, { b: 1 }]), { $nor: [{ a: 1 }, { b: 1 }] }],
  ['not over a condition', _.not({ a: 1 }), { $nor: [{ a: 1 }] }],
  ['two ors on two fields stay two', { a: _.or(_.eq(1), _.eq(2)), b: _.or(_.eq(3), _.eq(4)) },
    { $or: [{ a: { $eq: 1 } }, { a: { $eq: 2 } }], $and: [{ $or: [{ b: { $eq: 3 } }, { b: { $eq: 4 } }] }] }],

  ['raw operators', { a: { $gt: 4 } }, { a: { $gt: 4 } }],
  ['raw operators around commands', { a: { $not: _.gt(1) }, $or: [{ b: _.lt(2) }, { c: { d: 1 } }] }, { a: { $not: { $gt: 1 } }, $or: [{ b: { $lt: 2 } }, { 'c.d': 1 }] }],
  ['raw $regex', { a: { $regex: 'x', $options: 'i' } }, { a: { $regex: 'x', $options: 'i' } }],
  ['raw $expr', { $expr: { $gt: ['$a', '$b'] } }, { $expr: { $gt: ['$a', '$b'] } }]
]

for (const [name, condition, filter] of cases) {
  test(`where: ${name}`, async () => {
    await db.collection('c').where(condition).get()
    assert.deepEqual(host.taken(), [['documents.find', { collection: 'c', filter, limit: 100 }]])
  })
}

test('the same filter goes to count, update and remove', async () => {
  const query = db.collection('c').where({ a: _.gt(1) })
  await query.count()
  await query.update({ data: { b: 1 } })
  await query.remove()
  const filter = { a: { $gt: 1 } }
  assert.deepEqual(host.taken(), [
    ['documents.count', { collection: 'c', filter }],
    ['documents.update', { collection: 'c', filter, update: { $set: { b: 1 } }, multi: true }],
    ['documents.delete', { collection: 'c', filter, multi: true }]
  ])
})

test('queries: order, skip, limit, fields; each step leaves the query before it alone', async () => {
  const base = db.collection('c').orderBy('a', 'desc')
  const page = base.orderBy('b.c', 'asc').skip(20).limit(10).field({ a: true, b: false, tags: _.project.slice(2), l: _.project.elemMatch({ k: _.gt(1) }) })
  await page.get()
  await base.get()
  assert.deepEqual(host.taken(), [
    ['documents.find', {
      collection: 'c', sort: { a: -1, 'b.c': 1 }, skip: 20, limit: 10, projection: { a: 1, b: 0, tags: { $slice: 2 }, l: { $elemMatch: { k: { $gt: 1 } } } }
    }],
    ['documents.find', { collection: 'c', sort: { a: -1 }, limit: 100 }]
  ])
})

test('the order of orderBy calls is the order on the wire', async () => {
  await db.collection('c').orderBy('z', 'asc').orderBy('a', 'asc').get()
  assert.deepEqual(Object.keys(host.taken()[0][1].sort), ['z', 'a'])
})

test('limits are sent as asked, the server clamps', async () => {
  await db.collection('c').limit(5000).get()
  await db.collection('c').limit(0).get()
  assert.deepEqual(host.taken().map(([, request]) => request.limit), [5000, 100])
})

const mistakes = [
  ['where() without a condition', () => db.collection('c').where()],
  ['where(null)', () => db.collection('c').where(null)],
  ['an update operator in where', () => db.collection('c').where({ a: _.inc(1) })],
  ['a bare comparison as condition', () => db.collection('c').where(_.gt(1))],
  ['or without conditions', () => _.or()],
  ['orderBy upwards', () => db.collection('c').orderBy('a', 'up')],
  ['a fractional limit', () => db.collection('c').limit(1.5)],
  ['a text limit', () => db.collection('c').limit('5')],
  ['no collection name', () => db.collection()],
  ['doc() without an ID', () => db.collection('c').doc()],
  ['doc(object)', () => db.collection('c').doc({})],
  ['geoNear without a point', () => _.geoNear({})],
  ['an invalid date', () => db.collection('c').where({ a: new Date('never') })]
]
for (const [name, mistake] of mistakes) {
  test(`refused at once: ${name}`, () => {
    assert.throws(mistake, error => error.errCode === -501007 || error.errCode === -502001)
    assert.deepEqual(host.taken(), [])
  })
}

test('circular conditions are refused, not followed for ever', async () => {
  const loop = {}
  loop.list = [loop]
  loop.self = loop
  assert.throws(() => db.collection('c').where({ a: [loop] }), /circular/)
  assert.throws(() => db.collection('c').where(loop), /circular/)
  assert.match((await rejection(db.collection('c').doc('x').update({ data: loop }))).errMsg, /circular/)
  assert.match((await rejection(db.collection('c').add({ data: loop }))).errMsg, /collection\.add:fail .*circular/)
})

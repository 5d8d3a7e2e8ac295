'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { wxServer, rejection } = require('./support')

const { host, db } = wxServer()
const _ = db.command
const $ = _.aggregate
const { Point } = db.Geo

/** name, stages as written, pipeline as sent */
const cases = [
  ['match compiles conditions', a => a.match({ a: _.gt(1), b: { c: 2 } }).match(_.or([{ a: 1 }, { b: 2 }])),
    [{ $match: { a: { $gt: 1 }, 'b.c': 2 } }, { $match: { $or: [{ a: 1 }, { b: 2 }] } }]],
  ['match with expr', a => a.match(_.expr($.eq(['$a', '$b']))), [{ $match: { $expr: { $eq: ['$a', '$b'] } } }]],
  ['group', a => a.group({ _id: { y: $.year('$at') }, n: $.sum(1), big: $.sum($.cond({ if: $.gte(['$t', 30]), then: 1, else: 0 })), all: $.push('$t') }),
    [{ $group: { _id: { y: { $year: '$at' } }, n: { $sum: 1 }, big: { $sum: { $cond: { if: { $gte: ['$t', 30] }, then: 1, else: 0 } } }, all: { $push: '$t' } } }]],
  ['project keeps nested objects', a => a.project({ a: 1, b: { c: true }, d: $.filter({ input: '$x', as: 'i', cond: $.gt(['$$i', 1]) }) }),
    [{ $project: { a: 1, b: { c: true }, d: { $filter: { input: '$x', as: 'i', cond: { $gt: ['$$i', 1] } } } } }]],
  ['addFields with dates', a => a.addFields({ d: new Date(0), s: $.dateToString({ date: '$d', format: '%Y', timezone: 'Asia/Shanghai' }) }),
    [{ $addFields: { d: { $date: '1970-01-01T00:00:00.000Z' }, s: { $dateToString: { date: '$d', format: '%Y', timezone: 'Asia/Shanghai' } } } }]],
  ['sort, skip, limit, count', a => a.sort({ b: -1, a: 1 }).skip(5).limit(10).count('n'), [{ $sort: { b: -1, a: 1 } }, { $skip: 5 }, { $limit: 10 }, { $count: 'n' }]],
  ['sample', a => a.sample({ size: 2 }).sample(3), [{ $sample: { size: 2 } }, { $sample: { size: 3 } }]],
  ['unwind', a => a.unwind('$a').unwind({ path: '$b', preserveNullAndEmptyArrays: true }), [{ $unwind: '$a' }, { $unwind: { path: '$b', preserveNullAndEmptyArrays: true } }]],
  ['replaceRoot', a => a.replaceRoot({ newRoot: $.mergeObjects([$.arrayElemAt(['$p', 0]), '$$ROOT']) }),
    [{ $replaceRoot: { newRoot: { $mergeObjects: [{ $arrayElemAt: ['$p', 0] }, '$$ROOT'] } } }]],
  ['sortByCount', a => a.sortByCount('$who'), [{ $sortByCount: '$who' }]],
  ['bucket and bucketAuto', a => a.bucket({ groupBy: '$t', boundaries: [0, 1], default: 'x', output: { n: $.sum(1) } }).bucketAuto({ groupBy: '$t', buckets: 4 }),
    [{ $bucket: { groupBy: '$t', boundaries: [0, 1], default: 'x', output: { n: { $sum: 1 } } } }, { $bucketAuto: { groupBy: '$t', buckets: 4 } }]],
  ['lookup by equal fields', a => a.lookup({ from: 'b', localField: 'x', foreignField: '_id', as: 'y' }), [{ $lookup: { from: 'b', localField: 'x', foreignField: '_id', as: 'y' } }]],
  ['lookup with a pipeline', a => a.lookup({
    from: 'b', let: { id: '$_id' }, pipeline: $.pipeline().match(_.expr($.and([$.eq(['$who', '$$id']), $.gt(['$t', 8])]))).match({ o: { k: _.neq(1) } }).sort({ t: -1 }).done(), as: 'y'
  }), [{
    $lookup: {
      from: 'b',
      let: { id: '$_id' },
      pipeline: [{ $match: { $expr: { $and: [{ $eq: ['$who', '$$id'] }, { $gt: ['$t', 8] }] } } }, { $match: { 'o.k': { $ne: 1 } } }, { $sort: { t: -1 } }],
      as: 'y'
    }
  }]],
  ['lookup without done()', a => a.lookup({ from: 'b', pipeline: $.pipeline().limit(1), as: 'y' }), [{ $lookup: { from: 'b', pipeline: [{ $limit: 1 }], as: 'y' } }]],
  ['lookup with raw stages', a => a.lookup({ from: 'b', pipeline: [{ $match: { a: 1 } }], as: 'y' }), [{ $lookup: { from: 'b', pipeline: [{ $match: { a: 1 } }], as: 'y' } }]],
  ['geoNear', a => a.geoNear({ near: Point(1, 2), distanceField: 'far', spherical: true, query: { a: _.gt(1), b: { c: 1 } } }),
    [{ $geoNear: { near: { type: 'Point', coordinates: [1, 2] }, distanceField: 'far', spherical: true, query: { a: { $gt: 1 }, 'b.c': 1 } } }]],
  ['graphLookup, facet', a => a.graphLookup({ from: 'a', startWith: '$x', connectFromField: 'x', connectToField: 'y', as: 'z' }).facet({ one: $.pipeline().limit(1).done() }),
    [{ $graphLookup: { from: 'a', startWith: '$x', connectFromField: 'x', connectToField: 'y', as: 'z' } }, { $facet: { one: [{ $limit: 1 }] } }]]
]
for (const [name, build, pipeline] of cases) {
  test(`aggregate: ${name}`, async () => {
    await build(db.collection('c').aggregate()).end()
    assert.deepEqual(host.taken(), [['documents.aggregate', { collection: 'c', pipeline }]])
  })
}

test('the order of sort keys is kept', async () => {
  await db.collection('c').aggregate().sort({ z: 1, a: -1 }).end()
  assert.deepEqual(Object.keys(host.taken()[0][1].pipeline[0].$sort), ['z', 'a'])
})

test('the rows come back as list, decoded', async () => {
  const { db } = wxServer({ 'documents.aggregate': { documents: [{ _id: null, at: { $date: '2024-01-01T00:00:00Z' }, n: { $numberLong: '9007199254740993' } }] } })
  const reply = await db.collection('c').aggregate().limit(1).end()
  assert.deepEqual(reply, { list: [{ _id: null, at: new Date('2024-01-01T00:00:00Z'), n: 9007199254740992 }], errMsg: 'collection.aggregate:ok' })
})

// Every operator that the platform's own packages have; each is a key with its argument.
const operators = `abs add ceil divide exp floor ln log log10 mod multiply pow sqrt subtract trunc arrayElemAt arrayToObject concatArrays filter in
  indexOfArray isArray map range reduce reverseArray size slice zip and not or cmp eq gt gte lt lte cond ifNull switch dateFromParts dateFromString
  dateToString dayOfMonth dayOfWeek dayOfYear isoDayOfWeek isoWeek isoWeekYear millisecond second minute hour week month year literal mergeObjects
  objectToArray allElementsTrue anyElementTrue setDifference setEquals setIntersection setIsSubset setUnion concat indexOfBytes indexOfCP split
  strLenBytes strLenCP strcasecmp substr substrBytes substrCP toLower toUpper meta addToSet avg first last max min push stdDevPop stdDevSamp sum let`
for (const name of operators.split(/\s+/)) {
  test(`operator $.${name}`, () => {
    assert.deepEqual($[name](['$a', { b: 1 }]), { ['$' + name]: ['$a', { b: 1 }] })
    assert.deepEqual($[name]('$a'), { ['$' + name]: '$a' })
  })
}
test('operator $.neq is $ne; several arguments are an array', () => {
  assert.deepEqual($.neq(['$a', 1]), { $ne: ['$a', 1] })
  assert.deepEqual($.add('$a', 1), { $add: ['$a', 1] })
})

test('a pipeline is an object of its own each time', () => {
  const one = $.pipeline().limit(1)
  assert.deepEqual($.pipeline().done(), [])
  assert.deepEqual(one.done(), [{ $limit: 1 }])
})

test('geoNear and match with a wrong argument are refused when called', () => {
  assert.throws(() => db.collection('c').aggregate().geoNear('x'), /geoNear needs an object/)
  assert.throws(() => db.collection('c').aggregate().match('x'), /condition must be an object/)
})

test('an error of the server is an error of collection.aggregate', async () => {
  const { db } = wxServer({ 'documents.aggregate': { reason: 'invalid_pipeline', message: 'stage 1: no such stage' } })
  assert.equal((await rejection(db.collection('c').aggregate().end())).errMsg, 'collection.aggregate:fail -502001 database request fail. stage 1: no such stage')
})

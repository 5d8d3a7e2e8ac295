'use strict'
// The platform's own package against a listening fake endpoint: what it compiles, ours must compile to the same meaning.

const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const http = require('node:http')
const { FakeHost, failure, rejection } = require('./support')

const replies = {
  'database.insertDocument': { insertedIds: ['1', '2'] },
  'database.getDocument': { list: ['{"_id":"x","at":{"$date":{"$numberLong":"0"}},"n":{"$numberDouble":"1.5"},"loc":{"type":"Point","coordinates":[1,2]}}'] },
  'database.calculateDocument': { total: 5 },
  'database.modifyDocument': { updated: 1, upsert_id: '' },
  'database.removeDocument': { deleted: 2 },
  'database.aggregateDocuments': { list: ['{"a":1}'] },
  'database.addCollection': {},
  'functions.invokeFunction': { response_data: '{"a":1}' },
  'storage.batchGetDownloadUrl': { download_list: [{ fileID: 'a', tempFileURL: 'http://x/a', maxAge: 60, code: 'SUCCESS' }, { fileID: 'b', code: 'STORAGE_FILE_NONEXIST' }] },
  'storage.batchDeleteFile': { delete_list: [{ fileID: 'a', code: 'SUCCESS' }] }
}
let failing // {code, message} that every action answers
let last
const server = http.createServer((request, response) => {
  let text = ''
  request.on('data', part => { text += part })
  request.on('end', () => {
    last = JSON.parse(text)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ requestId: 'req-1', ...(failing || { data: replies[last.action] }) }))
  })
})

let official
const host = new FakeHost({
  'documents.insert': ({ documents }) => ({ insertedIds: ['1', '2'].slice(0, documents.length) }),
  'documents.find': { documents: [{ _id: 'x', at: { $date: '1970-01-01T00:00:00Z' }, n: 1.5, loc: { type: 'Point', coordinates: [1, 2] } }] },
  'documents.get': { document: { _id: 'x', at: { $date: '1970-01-01T00:00:00Z' }, n: 1.5, loc: { type: 'Point', coordinates: [1, 2] } } },
  'documents.update': { matched: 1, modified: 1 },
  'documents.delete': { deleted: 2 },
  'documents.count': { total: 5 },
  'documents.aggregate': { documents: [{ a: 1 }] },
  'functions.invoke': { result: { a: 1 } },
  'files.urls': { files: [{ fileId: 'a', url: 'http://x/a', maxAge: 60 }, { fileId: 'b', error: { reason: 'file_not_found' } }] },
  'files.delete': { files: [{ fileId: 'a' }] }
})
host.request = { requestId: 'req-1', env: 'app1', caller: {} }
const ours = host.modules()['wx-server-sdk']

before(async () => {
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  process.env.TENCENTCLOUD = 'true' // no metadata probe
  process.env.TCB_CONTEXT_CNFG = JSON.stringify({ URL: `http://127.0.0.1:${server.address().port}/admin` })
  official = require('wx-server-sdk')
  official.init({ env: 'app1', secretId: 'id', secretKey: 'key' })
})
after(() => { server.closeAllConnections(); server.close() })

/** Canonical and relaxed spellings of the same value become one. */
function plain (value) {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  if (value.$numberInt || value.$numberLong) return Number(value.$numberInt || value.$numberLong)
  if (value.$numberDouble && Number.isFinite(Number(value.$numberDouble))) return Number(value.$numberDouble)
  if (value.$date) return { $date: new Date(value.$date.$numberLong ? Number(value.$date.$numberLong) : value.$date).toISOString() }
  if (value.$tcb_server_date) return { $serverDate: plain(value.$tcb_server_date) }
  if (value.$regularExpression) {
    const { pattern, options } = value.$regularExpression
    return { $regularExpression: { pattern, options: [...options].filter(o => 'imsxlu'.includes(o)).sort().join('') } }
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]))
}

/** Top-level conditions are joined by "and" however they are grouped: as a sorted list of clauses. */
function clauses (filter) {
  return Object.entries(filter).flatMap(([key, value]) => key === '$and' ? value.flatMap(clauses) : [JSON.stringify({ [key]: value })]).sort()
}

// Both libraries build conditions with their own `_`, so each case is a function of it.
const conditions = {
  plain: () => ({ a: 1, b: 'x', c: null, d: [1, { e: { f: 2 } }], g: new Date(5), h: undefined }),
  nested: () => ({ a: { b: { c: 1 } }, 'd.e': 2 }),
  'empty nested': () => ({ a: {}, b: 1 }),
  regexp: (_, db) => ({ a: /x$/gi, b: db.RegExp({ regexp: 'y', options: 'im' }), c: new db.RegExp({ regexp: 'z' }) }),
  serverDate: (_, db) => ({ a: _.lt(db.serverDate({ offset: 5 })) }),
  comparisons: _ => ({ a: _.eq(1), b: _.neq(null), c: _.lt(1.5), d: _.lte(1), e: _.gt(new Date(0)), f: _.gte('x') }),
  lists: _ => ({ a: _.in([1, 'x', /y/]), b: _.nin([]), c: _.all([1]), d: _.size(0), e: _.exists(false), f: _.mod(2, 1) }),
  'nested commands': _ => ({ a: { b: _.gt(1), c: { d: _.in([1]) } } }),
  elemMatch: _ => ({ a: _.elemMatch({ b: 'x', c: _.gt(0), d: { e: 1 } }), f: _.elemMatch(_.eq('g')) }),
  'all elemMatch': _ => ({ a: _.all([_.elemMatch({ b: 1 })]) }),
  'chained and': _ => ({ a: _.gt(1).and(_.lt(4)) }),
  'chained comparison': _ => ({ a: _.gt(1).lt(4) }),
  'chained or and': _ => ({ a: _.gt(4).or(_.lt(1)).and(_.neq(7)) }),
  'field and': _ => ({ a: _.and(_.gte(1), _.or(_.lt(3), _.gt(5))) }),
  'field or': _ => ({ a: _.or(_.eq(1), /x/), b: 1 }),
  'field or of conditions': _ => ({ a: _.or({ b: 1 }, { c: _.gt(2) }) }),
  'field nor': _ => ({ a: _.nor(_.eq(1), _.eq(2)) }),
  not: _ => ({ a: _.not(_.gt(2)), b: _.not(_.eq(3)) }),
  'or of conditions': _ => _.or([{ a: 1 }, { b: { c: _.gt(1) } }]),
  'or one by one': _ => _.or({ a: 1 }, { b: _.lt(2) }),
  'and or': _ => _.and({ a: true }, _.or({ b: 1 }, { b: 3 })),
  nor: _ => _.nor({ a: 1 }, { b: 2 }),
  'or of field ands': _ => _.or([{ a: _.gt(1).and(_.lt(2)) }, { b: 1 }]),
  expr: _ => _.expr(_.aggregate.gt(['$a', _.aggregate.multiply(['$b', 9])])),
  'and expr': _ => _.and(_.expr(_.aggregate.gt(['$a', 1])), { b: 1 }),
  geo: (_, { Geo }) => ({ a: _.geoNear({ geometry: Geo.Point(1, 2), maxDistance: 5, minDistance: 1 }), b: Geo.Point(3, 4) }),
  within: (_, { Geo: { Point, LineString, Polygon } }) => ({
    a: _.geoWithin({ geometry: Polygon([LineString([Point(0, 0), Point(1, 0), Point(1, 1), Point(0, 0)])]) }),
    b: _.geoWithin({ centerSphere: [[1, 2], 0.5] }),
    c: _.geoWithin({ centerSphere: [Point(1, 2), 0.5] }),
    d: _.geoIntersects({ geometry: LineString([Point(0, 0), Point(1, 0)]) })
  }),
  raw: () => ({ a: { $gt: 4 }, $or: [{ b: 1 }, { c: { $exists: true } }], d: { $regex: 'x', $options: 'i' } }),
  numbers: () => ({ a: NaN, b: -0, c: 2147483648, d: 1e21, e: 9007199254740991, f: Infinity })
}
for (const [name, build] of Object.entries(conditions)) {
  test(`where like the platform's own package: ${name}`, async () => {
    const [theirs, own] = [official, ours].map(cloud => {
      const db = cloud.database()
      return db.collection('c').where(build(db.command, db))
    })
    await theirs.count()
    await own.count()
    const [[, { filter }]] = host.taken()
    assert.deepEqual(clauses(filter), clauses(plain(JSON.parse(last.query))))
  })
}

const changes = {
  plain: () => ({ a: 1, b: [{ c: { d: 1 } }], e: null, f: undefined, g: new Date(0) }),
  nested: (_, db) => ({ a: { b: { c: 1 }, d: new Date(0), s: db.serverDate(), p: db.Geo.Point(1, 2) }, 'e.f': 1, g: {} }),
  geojson: () => ({ a: { type: 'Point', coordinates: [1, 2] } }),
  set: _ => ({ a: _.set({ b: { c: 1 }, u: undefined }), b: _.remove(), c: { d: _.remove() } }),
  numbers: _ => ({ a: _.inc(-2), b: _.mul(1.5), c: _.min(1), d: _.max(new Date(0)), e: { f: _.inc(1) } }),
  rename: _ => ({ a: _.rename('b'), o: { x: _.rename('y') } }),
  bit: _ => ({ a: _.bit({ and: 5 }) }),
  push: _ => ({ a: _.push(1, 2), b: _.push([1, 2]), c: _.push({ k: 1 }), d: _.push({ each: [1], position: 1, sort: { s: -1 }, slice: -3 }), e: _.push([[1]]) }),
  unshift: _ => ({ a: _.unshift(1), b: _.unshift([1, 2]) }),
  pop: _ => ({ a: _.pop(), b: _.shift() }),
  addToSet: _ => ({ a: _.addToSet('x'), b: _.addToSet({ $each: ['x'] }), c: _.addToSet([1, 2]) }),
  pull: _ => ({ a: _.pull('x'), b: _.pull(_.gt(1)), c: _.pull({ k: 1, q: _.gte(5), n: { m: 1 } }), d: _.pull(_.in([1])), e: _.pull([1]), f: _.pullAll([1]) }),
  raw: () => ({ $inc: { n: 1 }, $set: { a: { b: 1 } } }),
  regexp: () => ({ a: /x/gi }),
  several: _ => ({ n: _.inc(1), l: _.push(2), x: _.remove(), y: 'new' })
}
for (const [name, build] of Object.entries(changes)) {
  test(`update like the platform's own package: ${name}`, async () => {
    for (const cloud of [official, ours]) {
      const db = cloud.database()
      await db.collection('c').doc('x').update({ data: build(db.command, db) })
    }
    const [[, { update }]] = host.taken()
    assert.deepEqual(update, plain(JSON.parse(last.data)))
  })
}

const pipelines = {
  match: (a, _) => a.match({ a: _.gt(1), b: { c: 2 } }).match(_.or([{ a: 1 }, { b: 2 }])),
  group: (a, _, $) => a.group({ _id: { y: $.year('$at') }, n: $.sum(1), all: $.push('$t'), big: $.sum($.cond({ if: $.gte(['$t', 30]), then: 1, else: 0 })) }),
  project: (a, _, $) => a.project({ a: 1, b: { c: 1 }, d: $.filter({ input: '$x', as: 'i', cond: $.gt(['$$i', 1]) }), e: $.literal(1) }),
  lookup: (a, _, $) => a.lookup({ from: 'b', let: { i: '$_id' }, pipeline: $.pipeline().match(_.expr($.eq(['$a', '$$i']))).sort({ t: -1 }).project({ a: 1 }).done(), as: 'z' }),
  others: (a, _, $) => a.addFields({ d: new Date(0), s: $.concat(['$a', 'x']) }).sort({ a: -1 }).skip(1).limit(2).unwind('$x').sample({ size: 1 }).count('n'),
  roots: (a, _, $) => a.replaceRoot({ newRoot: $.mergeObjects([$.arrayElemAt(['$p', 0]), '$$ROOT']) }).sortByCount('$a').bucket({ groupBy: '$t', boundaries: [0, 1], output: { n: $.sum(1) } })
}
for (const [name, build] of Object.entries(pipelines)) {
  test(`aggregate like the platform's own package: ${name}`, async () => {
    for (const cloud of [official, ours]) {
      const db = cloud.database()
      await build(db.collection('c').aggregate(), db.command, db.command.aggregate).end()
    }
    const [[, { pipeline }]] = host.taken()
    assert.deepEqual(pipeline, last.stages.map(({ stageKey, stageValue }) => ({ [stageKey]: plain(JSON.parse(stageValue)) })))
  })
}

const calls = {
  get: ({ c }) => c.where({ a: 1 }).orderBy('a', 'asc').limit(5).get(),
  'doc.get': ({ c }) => c.doc('x').get(),
  add: ({ c }) => c.add({ data: { a: 1 } }),
  'add many': ({ c }) => c.add({ data: [{ a: 1 }, {}] }),
  update: ({ c }) => c.where({ a: 1 }).update({ data: { a: 1 } }),
  'doc.update': ({ c }) => c.doc('x').update({ data: { a: 1 } }),
  'doc.set': ({ c }) => c.doc('x').set({ data: { a: 1 } }),
  remove: ({ c }) => c.where({ a: 1 }).remove(),
  'doc.remove': ({ c }) => c.doc('x').remove(),
  count: ({ c }) => c.count(),
  aggregate: ({ c }) => c.aggregate().limit(1).end(),
  callFunction: ({ cloud }) => cloud.callFunction({ name: 'f', data: {} }),
  getTempFileURL: ({ cloud }) => cloud.getTempFileURL({ fileList: ['a', { fileID: 'b', maxAge: 60 }] }),
  deleteFile: ({ cloud }) => cloud.deleteFile({ fileList: ['a'] })
}
const both = () => [official, ours].map(cloud => ({ cloud, c: cloud.database().collection('c') }))
for (const [name, use] of Object.entries(calls)) {
  test(`the result of ${name} is the same`, async () => {
    const [theirs, own] = await Promise.all(both().map(use))
    // As JSON: the shapes of places are classes of each package.
    assert.deepEqual(JSON.parse(JSON.stringify(own)), JSON.parse(JSON.stringify(theirs)))
  })
}
for (const [name, use] of Object.entries(calls).filter(([name]) => !/File|callFunction/.test(name))) {
  test(`the error of ${name} is the same`, async () => {
    failing = { code: 'DATABASE_COLLECTION_NOT_EXIST', message: 'Db or Table not exist: c' }
    const kept = host.call
    host.call = async () => { throw failure('collection_not_found', 'Db or Table not exist: c') }
    try {
      const [theirs, own] = await Promise.all(both().map(side => rejection(use(side))))
      assert.equal(own.errCode, theirs.errCode)
      assert.equal(own.errMsg, theirs.errMsg)
      assert.equal(own.message, theirs.message)
      assert.equal(own.name, theirs.name)
    } finally {
      failing = undefined
      host.call = kept
    }
  })
}

test('every member of the platform\'s own package is here', () => {
  const missing = (theirs, own) => Object.keys(theirs).filter(key => typeof theirs[key] === 'function' && typeof own[key] !== 'function')
  assert.deepEqual(missing(official, ours), [])
  const [theirs, own] = [official, ours].map(cloud => cloud.database())
  assert.deepEqual(missing(theirs, own), [])
  const commands = Object.getOwnPropertyNames(theirs.command).concat(Object.getOwnPropertyNames(Object.getPrototypeOf(theirs.command)))
    .filter(name => name !== 'constructor' && !['jsonSchema', 'text'].includes(name)) // neither is used by any known project
  assert.deepEqual(commands.filter(name => !(name in own.command)), [])
  assert.deepEqual(Object.keys(theirs.command.aggregate).filter(name => !(name in own.command.aggregate)), [])
  const stages = ['addFields', 'bucket', 'bucketAuto', 'count', 'geoNear', 'group', 'limit', 'lookup', 'match', 'project', 'replaceRoot', 'sample', 'skip', 'sort', 'sortByCount', 'unwind', 'end']
  assert.deepEqual(stages.filter(name => typeof own.collection('c').aggregate()[name] !== 'function'), [])
})

'use strict'

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { failure, wxServer, rejection, FakeHost } = require('./support')

const where = filter => ({ filter: { where: filter } })
const nobody = failure('function_not_found', 'no such function')

test('list asks for one page, in order, and counts when it is told to', async () => {
  const { cloud, host } = wxServer({ 'documents.find': { documents: [{ _id: 'a', n: 1 }] }, 'documents.count': { total: 7 } })
  const { data } = await cloud.models.user_info.list({ ...where({ $and: [{ _openid: { $eq: 'o' } }] }), pageSize: 3, pageNumber: 2, orderBy: [{ createdAt: 'desc' }, { field: 'n', direction: 'asc' }], getCount: true, select: { n: true, left: false } })
  assert.deepEqual(data, { records: [{ _id: 'a', n: 1 }], total: 7 })
  const filter = { $and: [{ _openid: { $eq: 'o' } }] }
  assert.deepEqual(host.taken(), [
    ['documents.find', { collection: 'user_info', filter, projection: { n: 1 }, sort: { createdAt: -1, n: 1 }, skip: 3, limit: 3 }],
    ['documents.count', { collection: 'user_info', filter }]
  ])
  assert.deepEqual((await cloud.models.user_info.list()).data, { records: [{ _id: 'a', n: 1 }] }, 'no total unless it is asked for')
  assert.deepEqual(host.taken(), [['documents.find', { collection: 'user_info', filter: {}, skip: 0, limit: 10 }]])
})

test('every comparison', async () => {
  const { cloud, host } = wxServer()
  const cases = [
    [{ a: { $neq: 1 } }, { a: { $ne: 1 } }], [{ a: { $gt: 1, $lte: 5 } }, { $and: [{ a: { $gt: 1 } }, { a: { $lte: 5 } }] }],
    [{ a: { $in: [1] }, b: { $nin: ['x'] } }, { $and: [{ a: { $in: [1] } }, { b: { $nin: ['x'] } }] }],
    [{ a: { $search: '1.5$' } }, { a: { $regex: '1\\.5\\$', $options: '' } }], [{ a: { $nsearch_ci: 'X' } }, { a: { $not: { $regex: 'X', $options: 'i' } } }],
    [{ a: { $empty: true } }, { a: { $eq: null } }], [{ a: { $nempty: true } }, { a: { $ne: null } }], [{ a: 'plain' }, { a: { $eq: 'plain' } }],
    [{ $or: [{ $and: [{ a: { $gte: 1 } }] }, { b: { $lt: 2 } }] }, { $or: [{ $and: [{ a: { $gte: 1 } }] }, { b: { $lt: 2 } }] }],
    [{ at: { $gt: new Date(0) } }, { at: { $gt: { $date: '1970-01-01T00:00:00.000Z' } } }]
  ]
  for (const [given, filter] of cases) {
    await cloud.models.m.get(where(given))
    const [[operation, request]] = host.taken()
    assert.equal(operation, 'documents.find')
    assert.deepEqual(request.filter, filter, JSON.stringify(given))
  }
})

test('get gives the record, or an empty one', async () => {
  const { cloud, host } = wxServer()
  assert.deepEqual((await cloud.models.m.get(where({ _id: { $eq: 'x' } }))).data, {})
  host.replies['documents.find'] = { documents: [{ _id: 'x' }] }
  assert.deepEqual((await cloud.models.m.get({ ...where({ _id: { $eq: 'x' } }), select: { $master: true } })).data, { _id: 'x' })
})

test('records are made with their times, changed and removed', async () => {
  const { cloud, host } = wxServer({ 'documents.insert': request => ({ insertedIds: request.documents.map((_, at) => `id${at}`) }), 'documents.update': { matched: 2, modified: 1 }, 'documents.delete': { deleted: 3 } })
  const { m } = cloud.models
  assert.deepEqual((await m.create({ data: { name: 'x' } })).data, { id: 'id0' })
  assert.deepEqual((await m.createMany({ data: [{ n: 1 }, {}, { n: 2, createdAt: 5 }] })).data, { idList: ['id0', 'id1'] })
  const made = host.taken().flatMap(([, { documents }]) => documents)
  assert.deepEqual(made.map(({ name, n }) => name || n), ['x', 1, 2])
  assert.ok(made.every(document => Number.isInteger(document.createdAt) && Number.isInteger(document.updatedAt)))
  assert.equal(made[2].createdAt, 5)

  assert.deepEqual((await m.update({ ...where({ n: { $eq: 1 } }), data: { n: 2, updatedAt: 9 } })).data, { count: 2 })
  assert.deepEqual((await m.updateMany({ ...where({}), data: { n: 2, updatedAt: 9 } })).data, { count: 2 })
  assert.deepEqual((await m.delete(where({ n: { $eq: 1 } }))).data, { count: 3 })
  assert.deepEqual((await m.deleteMany(where({}))).data, { count: 3 })
  assert.deepEqual(host.taken(), [
    ['documents.update', { collection: 'm', filter: { n: { $eq: 1 } }, update: { $set: { n: 2, updatedAt: 9 } }, multi: false }],
    ['documents.update', { collection: 'm', filter: {}, update: { $set: { n: 2, updatedAt: 9 } }, multi: true }],
    ['documents.delete', { collection: 'm', filter: { n: { $eq: 1 } }, multi: false }],
    ['documents.delete', { collection: 'm', filter: {}, multi: true }]
  ])
  const upsert = { ...where({ n: { $eq: 1 } }), update: { n: 2 }, create: { n: 3 } }
  assert.deepEqual((await m.upsert(upsert)).data, { count: 2, id: '' })
  host.replies['documents.update'] = { matched: 0, modified: 0, upsertedId: 'id0' }
  host.taken()
  assert.deepEqual((await m.upsert(upsert)).data, { count: 0, id: 'id0' })
  const [[operation, request], ...more] = host.taken()
  assert.deepEqual([operation, request.create.n, request.update.$set.n, more], ['documents.update', 3, 2, []])
  await assert.rejects(m.upsert({ ...upsert, create: undefined }), /create must be an object/)
})

test('what would touch too much or nothing is refused before anything is sent', async () => {
  const { cloud, host } = wxServer()
  const { m } = cloud.models
  const refused = [
    m.deleteMany(), m.deleteMany({ filter: {} }), m.deleteMany(where({ _id: undefined })), m.deleteMany(where({ _id: { $eq: undefined } })), m.deleteMany(where({ _id: {} })),
    m.deleteMany(where({ $and: [{ _id: { $eq: undefined } }] })), m.deleteMany(where({ _id: { $is: 1 } })), m.deleteMany(where({ $nor: [] })), m.updateMany({ ...where({}), data: 'x' }),
    m.updateMany({ ...where({}), data: { $inc: { a: 1 } } }), m.list({ pageSize: 201 }), m.list({ pageNumber: 0 }), m.list({ orderBy: [{ a: 'up' }] }), m.list({ select: 'a' }), m.createMany({ data: [] }), m.list('x')
  ]
  for (const promise of refused) assert.match((await rejection(promise)).errMsg, /^models\.m\.\w+:fail /)
  for (const promise of [m.list({ filter: { relateWhere: { comments: { where: {} } } } }), m.list({ select: { comments: { text: true } } }), m.list({ envType: 'pre' })]) {
    assert.equal((await rejection(promise)).reason, 'unsupported_call')
  }
  assert.deepEqual(host.taken(), [])
})

test('the vendor\'s packages reach the models through the function that they call', async () => {
  const { cloud, host } = wxServer({ 'functions.invoke': () => nobody, 'documents.find': { documents: [{ _id: 'a' }] } })
  const { result } = await cloud.callFunction({ name: 'lowcode-datasource', data: { dataSourceName: 'm', methodName: 'wedaGetRecordsV2', params: { filter: { where: {} }, select: { $master: true } }, envType: 'prod', mode: undefined } })
  assert.deepEqual(result.data, { records: [{ _id: 'a' }] })
  const error = await rejection(cloud.callFunction({ name: 'lowcode-datasource', data: { dataSourceName: 'm', methodName: 'callWedaApi', params: { action: 'RunMysqlCommand' } } }))
  assert.equal(error.reason, 'unsupported_call')
  assert.equal((await rejection(cloud.callFunction({ name: 'f' }))).reason, 'function_not_found')
  host.replies['functions.invoke'] = { result: 'the app has one of its own' }
  assert.equal((await cloud.callFunction({ name: 'lowcode-datasource' })).result, 'the app has one of its own')
})

test('@cloudbase/node-sdk has them too, with its errors', async () => {
  const host = new FakeHost({ 'documents.find': failure('collection_not_found', 'there is no collection "m"') })
  const app = host.modules()['@cloudbase/node-sdk'].init()
  assert.equal((await rejection(app.models.m.list())).code, 'DATABASE_COLLECTION_NOT_EXIST')
  const { cloud } = wxServer({ 'documents.find': failure('collection_not_found', 'there is no collection "m"') })
  const error = await rejection(cloud.models.m.list())
  assert.equal(error.errCode, -502005)
  assert.match(error.errMsg, /^models\.m\.list:fail -502005 database collection not exists/)
})

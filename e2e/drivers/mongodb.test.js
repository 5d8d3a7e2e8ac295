// The stock Node.js driver, today's and older ones, does what applications do.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { startServer } = require('./server')

let server
before(async () => { server = await startServer() })
after(async () => { await server?.stop() })

for (const name of ['mongodb', 'mongodb-5', 'mongodb-4']) {
  const { MongoClient, ObjectId } = require(name)
  const version = require(`${name}/package.json`).version

  test(`mongodb ${version}`, async t => {
    assert.equal(server.printed, server.mongoUrl)
    // Once as printed, once with discovery of the replica set.
    for (const url of [server.mongoUrl, server.mongoUrl.replace('?directConnection=true', '')]) {
      const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 })
      try {
        await client.connect()
        await session(t, client, ObjectId)
      } finally {
        await client.close()
      }
    }
  })

  test(`mongodb ${version}: what is refused`, async () => {
    const wrong = new MongoClient(server.mongoUrl.replace(/yds_[^@]*/, 'yds_wrong'), { serverSelectionTimeoutMS: 10_000 })
    await assert.rejects(wrong.connect().then(() => wrong.db().command({ ping: 1 })), { code: 18 })
    await wrong.close()
    const client = new MongoClient(server.mongoUrl)
    try {
      await assert.rejects(client.db('another').collection('things').findOne(), { code: 13, codeName: 'Unauthorized' })
      await assert.rejects(client.db('admin').collection('system.users').findOne(), { code: 13 })
      await assert.rejects(client.db().collection('x').find({ $where: 'true' }).toArray(), e => e.code > 0)
      await assert.rejects(client.db().command({ nonsense: 1 }), { code: 59, codeName: 'CommandNotFound' })
    } finally {
      await client.close()
    }
  })
}

async function session (t, client, ObjectId) {
  const db = client.db()
  await db.dropDatabase()
  const things = db.collection('things')

  await t.test('documents', async () => {
    const { insertedId } = await things.insertOne({ name: 'tea', price: 3, at: new Date(0), tags: ['green'] })
    assert.ok(insertedId instanceof ObjectId)
    const many = await things.insertMany(Array.from({ length: 300 }, (_, i) => ({ _id: i, n: i % 10 })))
    assert.equal(many.insertedCount, 300)
    assert.deepEqual(await things.findOne({ name: 'tea' }, { projection: { _id: 0 } }), { name: 'tea', price: 3, at: new Date(0), tags: ['green'] })
    assert.equal((await things.find({ n: { $gte: 0 } }).sort({ _id: -1 }).toArray()).length, 300)
    let n = 0
    for await (const doc of things.find({ n: 3 }, { batchSize: 4 })) n += doc.n
    assert.equal(n, 90)
    assert.equal((await things.updateOne({ name: 'tea' }, { $inc: { price: 2 }, $push: { tags: 'hot' } })).modifiedCount, 1)
    const after = await things.findOneAndUpdate({ name: 'tea' }, { $set: { sold: true } }, { returnDocument: 'after', includeResultMetadata: true })
    assert.equal((after.value ?? after).price, 5)
    assert.ok((await things.updateOne({ name: 'new' }, { $set: { a: 1 } }, { upsert: true })).upsertedId)
    assert.equal((await things.replaceOne({ name: 'new' }, { name: 'newer' })).modifiedCount, 1)
    assert.equal((await things.deleteMany({ n: 3 })).deletedCount, 30)
    assert.equal(await things.countDocuments({ n: { $exists: true } }), 270)
    assert.equal(await things.estimatedDocumentCount(), 272)
    assert.deepEqual(await things.distinct('tags'), ['green', 'hot'])
    const groups = await things.aggregate([{ $match: { n: { $lt: 3 } } }, { $group: { _id: '$n', c: { $sum: 1 } } }, { $sort: { _id: 1 } }]).toArray()
    assert.deepEqual(groups, [{ _id: 0, c: 30 }, { _id: 1, c: 30 }, { _id: 2, c: 30 }])
    const bulk = await things.bulkWrite([
      { insertOne: { document: { _id: 'b' } } }, { updateOne: { filter: { _id: 'b' }, update: { $set: { x: 1 } } } },
      { deleteOne: { filter: { _id: 0 } } }
    ])
    assert.deepEqual([bulk.insertedCount, bulk.modifiedCount, bulk.deletedCount], [1, 1, 1])
    await assert.rejects(things.insertOne({ _id: 'b' }), { code: 11000 })
    await things.insertOne({ _id: 'quiet' }, { writeConcern: { w: 0 } })
    while (!await things.findOne({ _id: 'quiet' })); // nobody says when it is done
  })

  await t.test('indexes and collections', async () => {
    assert.equal(await things.createIndex({ n: 1, name: -1 }), 'n_1_name_-1')
    await things.createIndex({ mail: 1 }, { unique: true, sparse: true })
    await things.createIndex({ gone: 1 }, { expireAfterSeconds: 60 })
    const names = (await things.listIndexes().toArray()).map(i => i.name).sort()
    assert.deepEqual(names, ['_id_', 'gone_1', 'mail_1', 'n_1_name_-1'])
    await things.insertOne({ mail: 'x' })
    await assert.rejects(things.insertOne({ mail: 'x' }), { code: 11000 })
    const plan = await things.find({ n: 4 }).explain()
    assert.match(JSON.stringify(plan.queryPlanner.winningPlan), /IXSCAN/)
    await things.dropIndex('gone_1')
    await db.createCollection('made')
    assert.deepEqual((await db.listCollections({}, { nameOnly: true }).toArray()).map(c => c.name).sort(), ['made', 'things'])
    assert.equal((await client.db().admin().listDatabases()).databases[0].name, db.databaseName)
    assert.equal((await db.stats()).collections, 2)
  })

  await t.test('transactions', async () => {
    const accounts = db.collection('accounts')
    await accounts.insertMany([{ _id: 'a', money: 10 }, { _id: 'b', money: 0 }])
    const move = async (amount, fail) => {
      const s = client.startSession()
      try {
        await s.withTransaction(async () => {
          await accounts.updateOne({ _id: 'a' }, { $inc: { money: -amount } }, { session: s })
          await accounts.updateOne({ _id: 'b' }, { $inc: { money: amount } }, { session: s })
          await db.collection('journal').insertOne({ amount }, { session: s })
          if (fail) throw new Error('changed my mind')
        })
      } finally {
        await s.endSession()
      }
    }
    await move(4)
    await assert.rejects(move(3, true), /changed my mind/)
    await Promise.all([move(1), move(1), move(1), move(1)])
    assert.deepEqual(await accounts.find().sort({ _id: 1 }).toArray(), [{ _id: 'a', money: 2 }, { _id: 'b', money: 8 }])
    assert.equal(await db.collection('journal').countDocuments(), 5)
    const left = client.startSession()
    left.startTransaction()
    await accounts.updateOne({ _id: 'a' }, { $set: { money: 99 } }, { session: left })
    assert.equal((await accounts.findOne({ _id: 'a' })).money, 2)
    await left.abortTransaction()
    await left.endSession()
    assert.equal((await accounts.findOne({ _id: 'a' })).money, 2)
  })

  await t.test('change streams', async () => {
    const events = db.collection('events')
    await db.createCollection('events')
    const stream = events.watch([], { fullDocument: 'updateLookup' })
    const first = stream.next()
    // The stream begins when the server has seen it, which the driver does not tell.
    const before = await new Promise((resolve, reject) => {
      const again = setInterval(() => events.insertOne({ _id: 'early' + Date.now() }).catch(reject), 20)
      first.then(e => { clearInterval(again); resolve(e) }, reject)
    })
    assert.equal(before.operationType, 'insert')
    await events.insertOne({ _id: 1, a: 1 })
    await events.updateOne({ _id: 1 }, { $set: { a: 2 } })
    await events.deleteOne({ _id: 1 })
    const seen = []
    while (seen.length < 3) {
      const e = await stream.next()
      if (e.documentKey._id === 1) seen.push(e)
    }
    assert.deepEqual(seen.map(e => e.operationType), ['insert', 'update', 'delete'])
    assert.deepEqual(seen[1].fullDocument, { _id: 1, a: 2 })
    assert.deepEqual(seen[1].updateDescription.updatedFields, { a: 2 })
    await stream.close()
    const resumed = events.watch([{ $match: { operationType: 'delete' } }], { resumeAfter: seen[0]._id })
    assert.deepEqual((await resumed.next())._id, seen[2]._id)
    await resumed.close()
    const timed = db.watch([], { startAtOperationTime: seen[1].clusterTime })
    assert.equal((await timed.next()).operationType, 'update')
    await timed.close()
  })
}

// mongoose with a schema, hooks, population, a transaction and a change stream.
'use strict'
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const mongoose = require('mongoose')
const { startServer } = require('./server')

let server, connection
before(async () => {
  server = await startServer()
  connection = await mongoose.createConnection(server.mongoUrl).asPromise()
})
after(async () => {
  await connection?.close()
  await server?.stop()
})

test('mongoose', async t => {
  const User = connection.model('User', new mongoose.Schema({
    mail: { type: String, required: true, unique: true, lowercase: true },
    age: { type: Number, min: 0, index: true },
    address: { city: String },
    tags: [String]
  }, { timestamps: true }))
  const Post = connection.model('Post', new mongoose.Schema({
    title: String, author: { type: mongoose.Schema.Types.ObjectId, ref: 'User' }, comments: [{ text: String }], votes: { type: Map, of: Number }
  }))
  await Promise.all([User.init(), Post.init()]) // collections and indexes

  let ann
  await t.test('documents', async () => {
    ann = await User.create({ mail: 'Ann@Example.com', age: 30, address: { city: 'Beijing' }, tags: ['a', 'b'] })
    assert.equal(ann.mail, 'ann@example.com')
    await assert.rejects(User.create({ mail: 'ann@example.com' }), { code: 11000 })
    await assert.rejects(User.create({ age: 1 }), { name: 'ValidationError' })
    await User.insertMany([{ mail: 'b@x', age: 20 }, { mail: 'c@x', age: 40 }])
    ann.tags.push('c')
    ann.address.city = 'Shanghai'
    await ann.save()
    const found = await User.findOne({ 'address.city': 'Shanghai' }).lean()
    assert.deepEqual(found.tags, ['a', 'b', 'c'])
    assert.equal(await User.countDocuments({ age: { $gt: 25 } }), 2)
    assert.deepEqual((await User.find().sort('-age').select('age').limit(2)).map(u => u.age), [40, 30])
    const older = await User.findOneAndUpdate({ mail: 'b@x' }, { $inc: { age: 1 } }, { returnDocument: 'after' })
    assert.equal(older.age, 21)
    assert.equal((await User.updateMany({}, { $set: { 'address.country': 'CN' } }, { strict: false })).matchedCount, 3)
    assert.equal((await User.deleteOne({ mail: 'c@x' })).deletedCount, 1)
    assert.ok(await User.exists({ mail: 'b@x' }))
    const stale = await User.findById(ann._id)
    await User.updateOne({ _id: ann._id }, { $inc: { __v: 1 } })
    stale.tags.set(0, 'z')
    stale.increment()
    await assert.rejects(stale.save(), { name: 'VersionError' })
  })

  await t.test('population and aggregation', async () => {
    await Post.create({ title: 'one', author: ann._id, comments: [{ text: 'x' }], votes: { up: 3 } }, { title: 'two', author: ann._id })
    const post = await Post.findOne({ title: 'one' }).populate('author')
    assert.equal(post.author.mail, 'ann@example.com')
    assert.equal(post.votes.get('up'), 3)
    post.comments.id(post.comments[0]._id).text = 'y'
    await post.save()
    assert.equal((await Post.findById(post._id)).comments[0].text, 'y')
    const rows = await User.aggregate([
      { $match: { mail: 'ann@example.com' } },
      { $lookup: { from: 'posts', localField: '_id', foreignField: 'author', as: 'posts' } },
      { $project: { n: { $size: '$posts' } } }
    ])
    assert.equal(rows[0].n, 2)
    const seen = []
    for await (const p of Post.find().cursor()) seen.push(p.title)
    assert.deepEqual(seen.sort(), ['one', 'two'])
  })

  await t.test('transaction', async () => {
    await connection.transaction(async session => {
      await Post.create([{ title: 'three', author: ann._id }], { session })
      await User.updateOne({ _id: ann._id }, { age: 31 }, { session })
    })
    await assert.rejects(connection.transaction(async session => {
      await Post.create([{ title: 'never' }], { session })
      throw new Error('no')
    }), /no/)
    assert.equal(await Post.countDocuments(), 3)
    assert.equal((await User.findById(ann._id)).age, 31)
  })

  await t.test('change stream', async () => {
    const stream = Post.watch()
    const first = new Promise((resolve, reject) => { stream.on('change', resolve); stream.on('error', reject) })
    const again = setInterval(() => Post.create({ title: 'seen' }).catch(() => {}), 20) // until the stream has begun
    const change = await first
    clearInterval(again)
    assert.equal(change.operationType, 'insert')
    assert.equal(change.fullDocument.title, 'seen')
    await stream.close()
  })

  await t.test('indexes', async () => {
    assert.deepEqual((await User.listIndexes()).map(i => i.name).sort(), ['_id_', 'age_1', 'mail_1'])
    assert.deepEqual(await User.syncIndexes(), [])
    assert.deepEqual((await User.diffIndexes()).toCreate, [])
  })
})

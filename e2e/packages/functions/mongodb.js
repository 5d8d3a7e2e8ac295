const { MongoClient } = require('mongodb')

exports.main = async ({ mongodb, database }) => {
  const client = new MongoClient(mongodb, { serverSelectionTimeoutMS: 5000 })
  try {
    const notes = client.db(database).collection('notes')
    await notes.insertMany([{ text: 'a', n: 1 }, { text: 'b', n: 2 }, { text: 'c', n: 3 }])
    await notes.updateOne({ text: 'b' }, { $inc: { n: 10 } })
    const large = await notes.find({ n: { $gt: 1 } }).sort({ n: -1 }).project({ _id: 0 }).toArray()
    const [{ total }] = await notes.aggregate([{ $group: { _id: null, total: { $sum: '$n' } } }]).toArray()
    return { large, total }
  } finally {
    await client.close()
  }
}

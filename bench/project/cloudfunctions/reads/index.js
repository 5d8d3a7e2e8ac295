const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()

// Reads the documents one after the other; answers with the time all reads took, in nanoseconds.
exports.main = async ({ ids }) => {
  const begun = process.hrtime.bigint()
  for (const id of ids) {
    const { data } = await db.collection('notes').doc(id).get()
    if (data._id !== id) throw new Error(`read ${data._id} instead of ${id}`)
  }
  return Number(process.hrtime.bigint() - begun)
}

// Runs every night: notes older than 30 days go, and so do their photos.
const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()
const _ = db.command

const DAYS = 30

exports.main = async () => {
  const old = db.collection('notes').where({ at: _.lt(new Date(Date.now() - DAYS * 24 * 3600 * 1000)) })
  let removed = 0
  try {
    for (;;) {
      const { data } = await old.limit(100).get()
      if (data.length === 0) break
      const photos = data.filter(n => n.photo).map(n => n.photo)
      if (photos.length) await cloud.deleteFile({ fileList: photos })
      const { stats } = await db.collection('notes').where({ _id: _.in(data.map(n => n._id)) }).remove()
      removed += stats.removed
    }
  } catch (e) {
    if (e.errCode !== -502005) throw e // nobody has written a note yet
  }
  console.log(`removed ${removed} notes older than ${DAYS} days`)
  return { removed }
}

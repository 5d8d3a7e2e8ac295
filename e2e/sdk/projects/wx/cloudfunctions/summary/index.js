const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })
const db = cloud.database()

exports.main = async event => {
  const { OPENID } = cloud.getWXContext()
  const all = db.collection(event.of)
  const { total } = await all.count()
  const { total: done } = await all.where({ done: true }).count()
  return { all: total, done, who: OPENID }
}

const cloud = require('wx-server-sdk')
cloud.init({ env: cloud.DYNAMIC_CURRENT_ENV })

// Call it: wx.cloud.callFunction({ name: 'hello', data: { name: 'Li' } })
exports.main = async event => {
  const { OPENID } = cloud.getWXContext()
  console.log('hello was called')
  return { greeting: `Hello, ${event.name || 'world'}!`, openid: OPENID }
}

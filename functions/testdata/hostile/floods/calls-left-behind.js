// expect: result "ok"
// timeout: 60s
exports.main = async event => {
  const sdk = require('wx-server-sdk')
  for (let i = 0; i < 500; i++) sdk.call('none').catch(() => {})
  return 'ok'
}

// expect: result 5000
// timeout: 60s
exports.main = async event => {
  const sdk = require('wx-server-sdk')
  const all = []
  for (let i = 0; i < 5000; i++) all.push(sdk.call('none', { i }).catch(e => e.reason))
  return (await Promise.all(all)).filter(r => r === 'unsupported_call').length
}

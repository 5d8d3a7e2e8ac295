// expect: refused
// timeout: 20s
exports.main = async event => {
  const sdk = require('wx-server-sdk')
  return tried([() => sdk.call('none', { text: 'x'.repeat(9 << 20) }), () => sdk.call('none', {}, Buffer.alloc(5 << 20)), () => sdk.call('none', {}, 'not bytes')])
}

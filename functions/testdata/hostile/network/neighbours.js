// The only socket in its tree is its own way out.
// expect: refused
exports.main = async event => {
  const names = require('fs').readdirSync('/run')
  return tried([() => names.join() === 'out' ? Promise.reject(new Error('only its own')) : names.join()])
}

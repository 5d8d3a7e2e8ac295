// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  const fs = require('fs')
  return tried([() => { fs.truncateSync(fs.openSync('/tmp/x', 'w') && '/tmp/x', 2 ** 40); return 'sparse' }])
}

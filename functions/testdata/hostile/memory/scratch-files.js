// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  const fs = require('fs')
  return tried([() => { for (let i = 0; i < 8; i++) fs.writeFileSync('/tmp/' + i, Buffer.alloc(16 << 20, 1)); return 'unlimited' }])
}

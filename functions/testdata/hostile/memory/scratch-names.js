// expect: refused
// heap: 64
// timeout: 20s
exports.main = async event => {
  const fs = require('fs')
  return tried([() => { for (let i = 0; i < 1e5; i++) fs.writeFileSync('/tmp/' + i, ''); return 'unlimited' }])
}

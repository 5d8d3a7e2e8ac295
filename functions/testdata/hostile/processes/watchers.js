// expect: refused|function_error|result ["got unlimited"]
exports.main = async event => {
  const fs = require('fs')
  return tried([() => { for (let i = 0; i < 3000; i++) { fs.mkdirSync('/tmp/w' + i); fs.watch('/tmp/w' + i).on('error', () => {}) } return 'unlimited' }])
}

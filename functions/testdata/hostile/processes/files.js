// expect: refused|function_error|function_timeout
// timeout: 3s
exports.main = async event => {
  const fs = require('fs')
  return tried([() => { const all = []; for (let i = 0; i < 5000; i++) all.push(fs.openSync('/dev/null')); return all.length }])
}

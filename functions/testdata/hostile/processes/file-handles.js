// expect: refused|function_error|function_timeout
// timeout: 5s
exports.main = async event => {
  const fs = require('fs/promises')
  const all = []
  return tried([async () => { for (let i = 0; i < 5000; i++) all.push(await fs.open('/dev/null')); return all.length }])
}

// expect: result "done"
// timeout: 60s
exports.main = async event => {
  const fs = require('fs')
  await Promise.all(Array.from({ length: 20000 }, () => fs.promises.stat('/tmp')))
  return 'done'
}

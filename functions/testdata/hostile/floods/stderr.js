// expect: result "done"
// timeout: 60s
exports.main = async event => {
  const fs = require('fs')
  for (let i = 0; i < 2000; i++) { try { fs.writeSync(2, 'x'.repeat(4096) + '\n') } catch (e) { if (e.code !== 'EAGAIN') throw e } }
  return 'done'
}

// expect: result "done"
// timeout: 60s
exports.main = async event => {
  const fs = require('fs')
  for (let i = 0; i < 2000; i++) { try { fs.writeSync(1, 'x'.repeat(4096)) } catch (e) { if (!/EAGAIN|EBADF|EPIPE/.test(e.code)) throw e } }
  return 'done'
}

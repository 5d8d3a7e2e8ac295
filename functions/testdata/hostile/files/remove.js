// expect: refused
exports.main = async event => {
  const fs = require('fs')
  return tried([() => fs.unlinkSync('/run/out'), () => fs.rmSync('/app', { recursive: true }), () => fs.rmSync('/runner', { recursive: true }), () => fs.renameSync('/bin/node', '/tmp/node'), () => fs.chmodSync('/bin/node', 0o777), () => fs.linkSync('/bin/node', '/tmp/link')])
}

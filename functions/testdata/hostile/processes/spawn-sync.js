// expect: refused
exports.main = async event => {
  return tried([() => { const r = require('child_process').spawnSync('/bin/node', ['-e', '1']); if (r.error) throw r.error; return r.status }])
}

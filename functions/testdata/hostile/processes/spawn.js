// expect: refused
exports.main = async event => {
  return tried([() => new Promise((ok, no) => { const p = require('child_process').spawn('/bin/node', ['-v']); p.on('error', no); p.on('spawn', () => ok('a child')) })])
}

// expect: refused
exports.main = async event => {
  const net = require('net')
  return tried([() => new Promise((ok, no) => net.createServer().on('error', no).listen(0, '127.0.0.1', () => ok('listening'))), () => new Promise((ok, no) => net.createServer().on('error', no).listen(8080, () => ok('listening')))])
}

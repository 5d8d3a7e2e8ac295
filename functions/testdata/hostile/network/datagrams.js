// expect: refused
exports.main = async event => {
  return tried(['udp4', 'udp6'].map(type => () => new Promise((ok, no) => { const s = require('dgram').createSocket(type); s.on('error', no); s.send('x', event.port, '127.0.0.1', e => e ? no(e) : ok('sent')) })))
}

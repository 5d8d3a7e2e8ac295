// expect: refused
// timeout: 60s
exports.main = async event => {
  const connect = (host, port = event.port) => () => new Promise((ok, no) => { const s = require('net').connect(port, host).on('connect', () => { s.destroy(); ok('connected to ' + host) }).on('error', no); s.setTimeout(8000, () => no(new Error('timeout'))) })
  return tried(['127.0.0.1', 'localhost', 'LOCALHOST', 'localhost.', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1', '127.255.255.254', '0.0.0.0', '0', '::1', '[::1]', '::', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '127.0.0.1%lo', '::1%lo', '1.0.0.127.in-addr.arpa'].map(h => connect(h)))
}

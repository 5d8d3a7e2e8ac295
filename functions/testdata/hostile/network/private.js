// expect: refused
// timeout: 60s
exports.main = async event => {
  const connect = (host, port = event.port) => () => new Promise((ok, no) => { const s = require('net').connect(port, host).on('connect', () => { s.destroy(); ok('connected to ' + host) }).on('error', no); s.setTimeout(8000, () => no(new Error('timeout'))) })
  return tried(['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1', '198.18.0.1', '192.0.2.1', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255', 'fc00::1', 'fd12:3456::1', 'fe80::1', 'ff02::1', 'fec0::1', '2001:db8::1', '::a00:1', '167772161', '012.0.0.1'].map(h => connect(h, 80)))
}

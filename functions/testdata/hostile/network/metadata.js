// expect: refused
// timeout: 60s
exports.main = async event => {
  const connect = (host, port = event.port) => () => new Promise((ok, no) => { const s = require('net').connect(port, host).on('connect', () => { s.destroy(); ok('connected to ' + host) }).on('error', no); s.setTimeout(8000, () => no(new Error('timeout'))) })
  return tried(['169.254.169.254', '2852039166', '0xa9fea9fe', '0xa9.0xfe.0xa9.0xfe', '0251.0376.0251.0376', '025177524776', '169.254.43518', '169.16689662', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::1', 'fd00:ec2::254', 'fe80::a9fe:a9fe', '100.100.100.200', '192.0.0.192', '169.254.0.23', '169.254.170.2'].map(h => connect(h, 80)))
}

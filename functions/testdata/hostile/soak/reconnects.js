// expect: function_timeout|function_killed
// timeout: 10s
// soak: yes
exports.main = async event => {
  const net = require('net')
  for (;;) await new Promise(done => net.connect({ path: '/run/out' }).on('error', done).on('close', done).end('{}\n'))
}

// expect: refused
// timeout: 60s
exports.main = async event => {
  const raw = text => () => new Promise((ok, no) => { const s = require('net').connect({ path: '/run/out' }); let t = ''; s.on('data', c => { t += c }).on('close', () => t && !/error/.test(t) ? ok(t) : no(new Error(t || 'closed'))).on('error', no); s.end(text) })
  return tried(['garbage\n', '{}\n', '{"op":"connect"}\n', '{"op":"connect","host":"127.0.0.1","port":' + event.port + '}\n', '{"op":"connect","host":"127.0.0.1","port":-1}\n', '{"op":"connect","host":"/run/out","port":1}\n', '{"op":"exec","host":"id"}\n', 'x'.repeat(100000), '\0\0\0\n', '{"op":"connect","host":"' + 'a'.repeat(300) + '","port":80}\n', '{"op":"resolve","host":"x","type":"AXFR"}\n'].map(raw))
}

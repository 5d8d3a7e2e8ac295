// expect: refused
exports.main = async event => {
  const fs = require('fs')
  return tried(['/etc/passwd', '/etc/shadow', '/etc/hostname', '/root/.ssh', '/home', '/var', '/usr/bin', '/sys/kernel', '/boot', '/mnt', event.secret].map(f => () => { const s = fs.statSync(f); return f + (s.isDirectory() ? fs.readdirSync(f).join() || Promise.reject(new Error('empty')) : fs.readFileSync(f, 'utf8')) }))
}

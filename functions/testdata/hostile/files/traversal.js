// expect: refused
exports.main = async event => {
  const fs = require('fs')
  return tried(['../../../../etc/passwd', '/app/../../etc/passwd', '/tmp/..//../etc/passwd', '/proc/self/root/etc/passwd', '/proc/self/cwd/../etc/passwd', '/proc/1/root/etc/passwd', '/proc/self/root' + event.secret, 'file:///etc/passwd', '/etc/passwd\0.js'].map(f => () => fs.readFileSync(f.startsWith('file:') ? new URL(f) : f, 'utf8')))
}

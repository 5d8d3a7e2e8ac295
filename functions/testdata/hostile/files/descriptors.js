// expect: refused
exports.main = async event => {
  const fs = require('fs')
  const links = fs.readdirSync('/proc/self/fd').map(n => { try { return fs.readlinkSync('/proc/self/fd/' + n) } catch { return '' } })
  return tried([() => links.filter(l => l.startsWith('/') && !/^\/(dev\/(null|urandom)|proc\/|runner\/)/.test(l)).join() || Promise.reject(new Error('no files of the host'))])
}

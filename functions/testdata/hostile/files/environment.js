// expect: refused
exports.main = async event => {
  const text = require('fs').readFileSync('/proc/self/environ', 'utf8')
  const all = text.split('\0').map(l => l.split('=')[0]).filter(Boolean).sort().join()
  return tried([() => /SECRET|PATH|HOME|YUNDUO_S|TOKEN_/.test(all) ? all : Promise.reject(new Error('nothing of the host'))])
}

// expect: function_killed|function_timeout
// timeout: 20s
// soak: yes
exports.main = async event => {
  const { promisify } = require('util')
  const hash = promisify(require('crypto').pbkdf2)
  for (;;) await Promise.all(Array.from({ length: 64 }, () => hash('x', 'y', 1e5, 64, 'sha512')))
}

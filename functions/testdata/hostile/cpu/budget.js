// Threads of the pool burn what the main thread does not.
// expect: function_killed processor time
// timeout: 20s
// cpu: 300ms
exports.main = async event => {
  const { promisify } = require('util')
  const hash = promisify(require('crypto').pbkdf2)
  for (;;) await Promise.all([1, 2, 3, 4].map(() => hash('x', 'y', 20000, 64, 'sha512')))
}

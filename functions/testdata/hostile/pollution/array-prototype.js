// expect: result "ok"|function_error|function_timeout
// timeout: 2s
// once: yes
exports.main = async event => {
  Array.prototype.push = function () { throw new Error('no push') }
  Array.prototype[Symbol.iterator] = function * () { yield 'x' }
  return 'ok'
}

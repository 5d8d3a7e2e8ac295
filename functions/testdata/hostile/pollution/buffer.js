// expect: result "ok"|function_error|function_timeout
// timeout: 2s
// once: yes
exports.main = async event => {
  Buffer.prototype.copy = () => 0
  Buffer.allocUnsafe = () => null
  Buffer.from = () => { throw new Error('no buffers') }
  return 'ok'
}

// expect: function_error|function_timeout
// timeout: 2s
// once: yes
exports.main = async event => {
  Error.prepareStackTrace = () => { throw new Error('trap') }
  throw new Error('own')
}

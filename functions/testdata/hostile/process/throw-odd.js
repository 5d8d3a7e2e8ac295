// expect: function_error
// timeout: 2s
exports.main = async event => {
  throw new Proxy({}, { get () { throw new Error('trap') }, getPrototypeOf () { throw new Error('trap') } })
}

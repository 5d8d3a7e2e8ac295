// expect: function_error
// timeout: 2s
exports.main = async event => {
  throw Symbol('odd')
}

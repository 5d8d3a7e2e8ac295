// expect: function_error abort
// timeout: 2s
exports.main = async event => {
  process.abort()
}

// expect: function_killed|function_error
// timeout: 2s
exports.main = async event => {
  Object.getPrototypeOf(process).abort()
}

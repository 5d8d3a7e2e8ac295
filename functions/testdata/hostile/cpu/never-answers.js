// expect: function_timeout time limit
// timeout: 200ms
exports.main = async event => {
  return new Promise(() => {})
}

// expect: function_error|function_killed
// heap: 64
// timeout: 20s
exports.main = async event => {
  return JSON.parse('['.repeat(5e6))
}

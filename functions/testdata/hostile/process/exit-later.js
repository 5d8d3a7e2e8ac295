// expect: function_error process.exit(0)
// timeout: 2s
exports.main = async event => {
  setTimeout(() => process.exit(0), 5)
  return new Promise(() => {})
}

// expect: function_error process.exit(3)
// timeout: 2s
exports.main = async event => {
  process.exit(3)
}

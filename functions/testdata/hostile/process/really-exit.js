// expect: function_error process.exit(7)
// timeout: 2s
exports.main = async event => {
  process.reallyExit(7)
}

// expect: function_error ended
// timeout: 2s
exports.main = async event => {
  Object.getPrototypeOf(process).reallyExit(5)
}

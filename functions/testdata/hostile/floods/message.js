// expect: function_error mmm
// timeout: 20s
exports.main = async event => {
  throw new Error('m'.repeat(50e6))
}

// expect: function_result_too_large MiB
// timeout: 20s
exports.main = async event => {
  return 'x'.repeat(7 << 20)
}

// expect: function_result_too_large MiB
// timeout: 20s
exports.main = async event => {
  return '云'.repeat(3 << 20)
}

// expect: function_result_too_large MiB|function_killed
// timeout: 20s
exports.main = async event => {
  return Array.from({ length: 5e5 }, (x, i) => ({ index: i, text: 'item ' + i }))
}

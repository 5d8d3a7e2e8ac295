// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  return JSON.parse('[' + '{"a":[1,2,3]},'.repeat(4e6) + '0]').length
}

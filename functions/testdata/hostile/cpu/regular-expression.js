// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  return /^(a+)+$/.test('a'.repeat(40) + 'b')
}

// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  return /^(\p{L}|a)*$/u.exec('a'.repeat(60) + '!')
}

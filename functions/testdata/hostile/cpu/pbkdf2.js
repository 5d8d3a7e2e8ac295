// Native code that V8 cannot interrupt.
// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  require('crypto').pbkdf2Sync('x', 'y', 2e9, 64, 'sha512')
}

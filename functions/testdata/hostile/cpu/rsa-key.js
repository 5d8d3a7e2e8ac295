// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) require('crypto').generateKeyPairSync('rsa', { modulusLength: 8192 })
}

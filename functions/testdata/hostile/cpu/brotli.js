// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const { randomBytes } = require('crypto')
  for (;;) require('zlib').brotliCompressSync(randomBytes(16 << 20))
}

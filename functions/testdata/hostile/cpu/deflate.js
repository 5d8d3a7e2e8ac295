// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const data = Buffer.alloc(32 << 20, 'abcdefgh1234')
  for (;;) require('zlib').deflateSync(data, { level: 9 })
}

// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) require('crypto').scryptSync('x', 'y', 64, { N: 1 << 15, r: 8, p: 40, maxmem: 1 << 30 })
}

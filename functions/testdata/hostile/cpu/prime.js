// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) require('crypto').generatePrimeSync(4096, { safe: true })
}

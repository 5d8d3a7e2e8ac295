// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  let n = 3n
  for (;;) n = n * n % (7n ** 20000n)
}

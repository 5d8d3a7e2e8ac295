// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  for (;;) [3, 1, 2].sort(() => { for (;;) {} })
}

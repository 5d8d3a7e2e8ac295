// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  return (0, eval)('for (;;) {}')
}

// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  return JSON.parse('[1]', () => { for (;;) {} })
}

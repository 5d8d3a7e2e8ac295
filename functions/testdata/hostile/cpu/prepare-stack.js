// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  Error.prepareStackTrace = () => { for (;;) {} }
  return new Error('x').stack
}

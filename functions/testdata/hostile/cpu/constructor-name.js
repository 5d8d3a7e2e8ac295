// expect: function_timeout|function_error
// timeout: 400ms
exports.main = async event => {
  class A { static get name () { for (;;) {} } }
  throw new A()
}

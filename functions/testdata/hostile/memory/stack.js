// expect: function_error Maximum call stack
// heap: 64
// timeout: 20s
exports.main = async event => {
  const deep = () => deep() + 1
  return deep()
}

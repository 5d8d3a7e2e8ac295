// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const again = () => queueMicrotask(again)
  again()
  return new Promise(() => {})
}

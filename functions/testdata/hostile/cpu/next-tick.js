// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const again = () => process.nextTick(again)
  again()
  return new Promise(() => {})
}

// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const again = () => { setImmediate(again); setImmediate(() => {}) }
  again()
  return new Promise(() => {})
}

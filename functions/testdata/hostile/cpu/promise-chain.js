// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const again = () => Promise.resolve().then(again)
  return again()
}

// expect: function_timeout time limit
// timeout: 400ms
exports.main = async event => {
  const link = () => ({ then (ok) { ok(link()) } })
  return link()
}

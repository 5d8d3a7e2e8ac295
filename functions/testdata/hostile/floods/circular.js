// expect: function_error circular
// timeout: 20s
exports.main = async event => {
  const o = {}
  o.self = o
  return o
}

// expect: function_error Maximum call stack
// heap: 64
// timeout: 20s
exports.main = async event => {
  let o = {}
  for (let i = 0; i < 1e5; i++) o = { o }
  return o
}

// expect: function_error nobody catches this
// timeout: 2s
exports.main = async event => {
  setTimeout(() => { throw new Error('nobody catches this') }, 1)
  return new Promise(() => {})
}

// expect: function_error nobody handles this
// timeout: 2s
exports.main = async event => {
  Promise.reject(new Error('nobody handles this'))
  return new Promise(() => {})
}

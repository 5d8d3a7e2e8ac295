// expect: function_error|function_killed|function_timeout
// timeout: 2s
exports.main = async event => {
  for (let i = 0; i < 200; i++) { try { require('fs').closeSync(i) } catch {} }
  return new Promise(() => {})
}

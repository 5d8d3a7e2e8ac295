// expect: function_error s
// timeout: 20s
exports.main = async event => {
  const e = new Error('s')
  e.stack = 'line\n'.repeat(5e6)
  throw e
}

// expect: function_error e99999
// timeout: 20s
exports.main = async event => {
  let e = new Error('last')
  for (let i = 0; i < 1e5; i++) e = new Error('e' + i, { cause: e })
  throw e
}

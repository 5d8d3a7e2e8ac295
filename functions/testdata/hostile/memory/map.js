// expect: function_killed|function_error
// heap: 64
// timeout: 20s
exports.main = async event => {
  const m = new Map()
  for (let i = 0; ; i++) m.set('k' + i, { i })
}

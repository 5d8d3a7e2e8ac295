// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  const all = []
  for (;;) all.push({ a: [1, 2, 3], b: 'x' + all.length })
}

// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  const all = []
  let s = 'x'
  for (;;) { s += s.slice(0, 1000) + all.length; all.push(s + '!'.repeat(100)) }
}

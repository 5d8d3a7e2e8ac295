// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  const all = []
  for (let i = 0; ; i++) all.push(() => all.length + i)
}

// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  const all = []
  for (;;) all.push(new Promise(() => {}).then(() => {}))
}

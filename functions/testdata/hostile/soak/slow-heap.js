// expect: function_killed|function_timeout
// timeout: 30s
// soak: yes
// heap: 64
exports.main = async event => {
  const all = []
  for (;;) { all.push(new Array(1e5).fill(all.length)); await new Promise(done => setTimeout(done, 10)) }
}

// expect: function_killed|function_timeout
// timeout: 30s
// soak: yes
// heap: 64
exports.main = async event => {
  const all = []
  for (;;) { all.push(Buffer.alloc(1 << 20, 1)); await new Promise(done => setTimeout(done, 5)) }
}

// expect: function_killed|function_error|function_timeout
// timeout: 20s
// heap: 64
exports.main = async event => {
  require('v8').setFlagsFromString('--max-old-space-size=8000')
  const all = []
  for (;;) all.push(new Array(1000).fill(all.length))
}

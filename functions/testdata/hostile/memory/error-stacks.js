// expect: function_killed|function_timeout
// heap: 64
// timeout: 4s
exports.main = async event => {
  Error.stackTraceLimit = 1e6
  const all = []
  const deep = n => n ? deep(n - 1) : all.push(new Error('x').stack + all.length)
  for (;;) deep(3000)
}

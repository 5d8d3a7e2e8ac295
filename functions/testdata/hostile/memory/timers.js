// expect: function_killed|function_timeout
// heap: 64
// timeout: 20s
exports.main = async event => {
  for (;;) setTimeout(() => {}, 1e6)
}

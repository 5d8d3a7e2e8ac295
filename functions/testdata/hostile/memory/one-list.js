// expect: function_killed more memory
// heap: 64
// timeout: 20s
exports.main = async event => {
  const list = new Array(3e7)
  for (let i = 0; i < 3e7; i++) list[i] = { i }
  return list.length
}

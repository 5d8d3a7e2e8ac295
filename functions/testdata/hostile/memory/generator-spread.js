// expect: function_killed|function_error
// heap: 64
// timeout: 20s
exports.main = async event => {
  function * forever () { for (let i = 0; ; i++) yield { i } }
  return [...forever()].length
}

// expect: function_error|function_killed
// timeout: 2s
exports.main = async event => {
  require('v8').setFlagsFromString('--allow-natives-syntax')
  new Function('%AbortJS("x")')()
}

// expect: result "alive"|function_error
// timeout: 2s
exports.main = async event => {
  Object.getPrototypeOf(process).kill(1, 'SIGSTOP')
  return 'alive'
}

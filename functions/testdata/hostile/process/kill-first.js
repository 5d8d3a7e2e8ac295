// Process 1 of a namespace is immune to its own signals.
// expect: result "alive"|function_error
// timeout: 2s
exports.main = async event => {
  Object.getPrototypeOf(process).kill(1, 'SIGKILL')
  return 'alive'
}

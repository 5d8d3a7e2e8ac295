// expect: function_error|function_killed
// timeout: 2s
exports.main = async event => {
  const real = Object.getPrototypeOf(process)
  real.removeAllListeners('uncaughtException')
  real.removeAllListeners('unhandledRejection')
  setTimeout(() => { throw new Error('fatal') }, 1)
  return new Promise(() => {})
}

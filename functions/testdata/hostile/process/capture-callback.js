// expect: function_timeout|function_error
// timeout: 2s
exports.main = async event => {
  Object.getPrototypeOf(process).setUncaughtExceptionCaptureCallback(() => {})
  setTimeout(() => { throw new Error('swallowed') }, 1)
  return new Promise(() => {})
}

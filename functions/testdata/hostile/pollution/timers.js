// expect: result "ok"|function_timeout|function_error
// timeout: 2s
// once: yes
exports.main = async event => {
  globalThis.setTimeout = globalThis.setImmediate = process.nextTick = () => {}
  Object.getPrototypeOf(process).nextTick = () => {}
  return 'ok'
}

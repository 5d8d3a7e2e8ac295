// expect: result "ok"
// timeout: 2s
// once: yes
exports.main = async event => {
  Date.now = () => NaN
  globalThis.performance = null
  return 'ok'
}

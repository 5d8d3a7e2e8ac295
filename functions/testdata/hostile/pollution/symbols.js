// expect: result "ok"|function_timeout|function_error|function_killed
// timeout: 2s
// once: yes
exports.main = async event => {
  for (const s of Object.getOwnPropertySymbols(globalThis)) { try { globalThis[s] = null } catch {} }
  Map.prototype.get = () => null
  Map.prototype.set = () => {}
  return 'ok'
}

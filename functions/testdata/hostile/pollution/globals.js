// expect: result "ok"|function_error|function_timeout
// timeout: 2s
// once: yes
exports.main = async event => {
  for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[k] } catch {} }
  return 'ok'
}

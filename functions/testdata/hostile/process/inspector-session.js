// expect: result "own process only"|function_timeout|function_error
// timeout: 2s
exports.main = async event => {
  const { Session } = require('inspector')
  const s = new Session()
  s.connect()
  s.post('Debugger.enable')
  s.post('Runtime.evaluate', { expression: 'debugger' })
  return 'own process only'
}

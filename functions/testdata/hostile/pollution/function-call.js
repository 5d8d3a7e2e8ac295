// expect: result "ok"|function_error|function_timeout|function_killed
// timeout: 2s
// once: yes
exports.main = async event => {
  Function.prototype.call = () => { throw new Error('no call') }
  Function.prototype.apply = () => { throw new Error('no apply') }
  return 'ok'
}

// expect: result 1|function_error|result "hijacked"
// timeout: 2s
// once: yes
exports.main = async event => {
  Object.prototype.polluted = 'yes'
  Object.prototype.toJSON = () => 'hijacked'
  return 1
}

// expect: result "ok"
// timeout: 2s
// once: yes
exports.main = async event => {
  require('os').hostname = () => 'polluted'
  require('fs').readFileSync = () => 'polluted'
  require('net').Socket.prototype.connect = () => { throw new Error('polluted') }
  return 'ok'
}

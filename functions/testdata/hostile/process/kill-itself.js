// expect: function_error SIGKILL
// timeout: 2s
exports.main = async event => {
  process.kill(process.pid, 'SIGKILL')
}

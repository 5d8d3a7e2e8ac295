// expect: refused|function_error|function_timeout
// timeout: 2s
exports.main = async event => {
  return tried([() => process.kill(-1, 'SIGKILL') && 'killed', () => process.kill(-process.pid, 'SIGTERM') && 'killed', () => process.kill(0, 0) && Promise.reject(new Error('only asked'))])
}

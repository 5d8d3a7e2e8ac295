// expect: result "ok"
// timeout: 2s
exports.main = async event => {
  process.emit('exit', 0)
  process.emit('disconnect')
  process.emit('SIGTERM')
  Object.getPrototypeOf(process).emit('warning', new Error('w'))
  return 'ok'
}

// expect: result "ok"
// timeout: 60s
exports.main = async event => {
  for (let i = 0; i < 50000; i++) process.emitWarning('w' + i)
  return 'ok'
}

// expect: result "ok"
// timeout: 2s
exports.main = async event => {
  setTimeout(() => process.exit(9), 1)
  return 'ok'
}

// expect: result "ok"|function_error
// timeout: 2s
exports.main = async event => {
  process.chdir('/tmp')
  process.umask(0)
  process.title = 'x'.repeat(1e5)
  return 'ok'
}

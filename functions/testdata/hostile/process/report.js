// expect: refused|function_error
// timeout: 2s
exports.main = async event => {
  return tried([() => process.report.writeReport('/x.json') || Promise.reject(new Error('nothing was written'))])
}

// expect: refused
exports.main = async event => {
  return tried([() => require('child_process').execSync('id').toString()])
}

// expect: refused|function_killed|function_timeout
// heap: 64
// timeout: 4s
exports.main = async event => {
  const all = []
  return tried([() => { for (let i = 0; i < 3e6; i++) all.push(require('crypto').createHash('sha512')); return 'unlimited' }])
}

// expect: refused
exports.main = async event => {
  const fs = require('fs')
  return tried([() => fs.writeFileSync('/tmp/' + 'x'.repeat(5000), ''), () => { let p = '/tmp'; for (let i = 0; i < 3000; i++) { p += '/d'; fs.mkdirSync(p) } return p.length }])
}

// expect: refused
exports.main = async event => {
  const fs = require('fs')
  fs.symlinkSync('/../../../etc/passwd', '/tmp/a')
  fs.symlinkSync('/proc/1/root', '/tmp/b')
  fs.symlinkSync('loop', '/tmp/loop')
  return tried([() => fs.readFileSync('/tmp/a', 'utf8'), () => fs.readFileSync('/tmp/b/etc/passwd', 'utf8'), () => fs.readFileSync('/tmp/loop'), () => fs.realpathSync('/tmp/a')])
}

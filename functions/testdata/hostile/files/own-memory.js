// expect: function_error|function_killed|result "ok"
exports.main = async event => {
  const fs = require('fs')
  const fd = fs.openSync('/proc/self/mem', 'r+')
  fs.writeSync(fd, Buffer.alloc(4096, 255), 0, 4096, 4096)
  return 'ok'
}

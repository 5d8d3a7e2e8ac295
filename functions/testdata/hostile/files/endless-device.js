// expect: function_error|function_killed|function_timeout
// timeout: 3s
exports.main = async event => {
  const fs = require('fs')
  return fs.readFileSync('/dev/zero')
}

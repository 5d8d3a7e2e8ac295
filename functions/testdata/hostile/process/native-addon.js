// Nothing in /tmp can be executed, so a library from there cannot be opened.
// expect: refused|function_error
// timeout: 2s
exports.main = async event => {
  const fs = require('fs')
  fs.copyFileSync('/bin/node', '/tmp/addon.node')
  return tried([() => process.dlopen({ exports: {} }, '/tmp/addon.node')])
}

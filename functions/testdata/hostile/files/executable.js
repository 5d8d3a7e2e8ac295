// expect: refused
exports.main = async event => {
  const fs = require('fs')
  fs.writeFileSync('/tmp/x', '#!/bin/node\n')
  fs.chmodSync('/tmp/x', 0o4777)
  return tried([() => { fs.accessSync('/tmp/x', fs.constants.X_OK); return 'executable' }])
}

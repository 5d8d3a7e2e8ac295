// expect: refused
// timeout: 2s
exports.main = async event => {
  return tried([() => process.dlopen({ exports: {} }, '/bin/node'), () => process.dlopen({ exports: {} }, '/lib/libc.so.6'), () => { require('fs').writeFileSync('/tmp/a.node', 'x'); return process.dlopen({ exports: {} }, '/tmp/a.node') }, () => require('/tmp/a.node')])
}

// expect: refused|function_killed|function_error|function_timeout
// heap: 64
// timeout: 8s
exports.main = async event => {
  const v8 = require('v8')
  const all = Array.from({ length: 3e5 }, (x, i) => ({ i }))
  return tried([() => v8.writeHeapSnapshot('/x.heapsnapshot'), () => { require('fs').statSync(v8.writeHeapSnapshot('/tmp/x.heapsnapshot')); throw new Error('bounded by /tmp') }]).then(r => all.length && r)
}

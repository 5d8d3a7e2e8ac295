// expect: function_timeout|function_killed|function_error
// timeout: 1500ms
exports.main = async event => {
  return require('stream').Readable.from((async function * () { for (;;) { yield 'x'.repeat(1e5); await null } })()).pipe(new (require('stream').PassThrough)()).resume().toArray()
}

// expect: refused|function_killed|function_error
exports.main = async event => {
  return tried([() => { const { Worker } = process.binding('worker'); return new Worker(null, {}, [], null) && 'a worker' }])
}

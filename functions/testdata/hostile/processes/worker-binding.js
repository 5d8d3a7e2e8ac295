// expect: refused
exports.main = async event => {
  return tried([() => { const { Worker } = process.binding('worker'); return new Worker(null, {}, [], null) && 'a worker' }])
}

// expect: refused
exports.main = async event => {
  return tried([() => new (require('worker_threads').Worker)('1', { eval: true }) && 'a worker'])
}

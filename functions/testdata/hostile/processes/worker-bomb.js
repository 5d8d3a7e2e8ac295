// expect: refused
exports.main = async event => {
  return tried(Array.from({ length: 300 }, () => () => new (require('worker_threads').Worker)('for (;;) {}', { eval: true }) && 'a worker'))
}

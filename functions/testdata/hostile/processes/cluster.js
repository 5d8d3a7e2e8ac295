// expect: refused|function_error
exports.main = async event => {
  const cluster = require('cluster')
  return tried([() => new Promise((ok, no) => { const w = cluster.fork(); w.on('error', no); w.on('online', () => ok('a worker')); w.on('exit', () => no(new Error('exited'))) })])
}

// expect: refused
exports.main = async event => {
  const os = require('os')
  return tried([() => Object.keys(os.networkInterfaces()).join() || Promise.reject(new Error('none')), () => os.hostname() === 'function' ? Promise.reject(new Error('not the host\'s')) : os.hostname()])
}

// expect: refused
// timeout: 30s
exports.main = async event => {
  const { Resolver } = require('dns').promises
  const r = new Resolver({ timeout: 500, tries: 1 })
  r.setServers(['127.0.0.1:' + event.port])
  return tried([() => r.resolve4('rebind.invalid').then(a => a.join())])
}

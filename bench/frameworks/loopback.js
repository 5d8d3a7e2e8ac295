// Loaded before a framework: it listens on loopback only, whatever it asks for.
const { Server } = require('net')

const { listen } = Server.prototype
Server.prototype.listen = function (port, ...rest) {
  if (typeof port !== 'number' && typeof port !== 'string') return listen.call(this, port, ...rest)
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...rest.filter(f => typeof f === 'function'))
}

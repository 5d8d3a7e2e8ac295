'use strict'
// Servers of function code. There is nothing to listen on: who calls listen gets the HTTP exchanges of its function.
const net = require('node:net')
const { http, https } = require('./network')

/** slot() is the slot whose code is running, or null. */
function install (slot) {
  const realListen = net.Server.prototype.listen
  const realClose = net.Server.prototype.close
  const realAddress = net.Server.prototype.address
  const owners = new WeakMap()

  net.Server.prototype.listen = function listen (...args) {
    const owner = slot()
    if (owner === null || !isServer(this)) return realListen.apply(this, args)
    const { port, host, callback } = where(args)
    if (owners.has(this)) throw Object.assign(new Error('Listen method has been called more than once without closing.'), { code: 'ERR_SERVER_ALREADY_LISTEN' })
    owners.set(this, { owner, port: port || Number(owner.process.env.PORT), host })
    own(this, 'listening', true)
    if (callback) this.once('listening', callback)
    process.nextTick(() => {
      if (owners.has(this)) this.emit('listening')
    })
    owner.listens(this)
    return this
  }

  net.Server.prototype.close = function close (callback) {
    const known = owners.get(this)
    if (known === undefined) return realClose.call(this, callback)
    owners.delete(this)
    own(this, 'listening', false)
    known.owner.closes(this)
    if (callback) this.once('close', callback)
    process.nextTick(() => this.emit('close'))
    return this
  }

  net.Server.prototype.address = function address () {
    const known = owners.get(this)
    return known === undefined ? realAddress.call(this) : { address: known.host || '::', family: known.host && net.isIPv4(known.host) ? 'IPv4' : 'IPv6', port: known.port }
  }
}

/** listen(port, host, backlog, callback), listen(options, callback), listen(path, callback). */
function where (args) {
  const callback = typeof args[args.length - 1] === 'function' ? args[args.length - 1] : null
  const [first, second] = args
  if (first !== null && typeof first === 'object') return { port: Number(first.port) || 0, host: first.host, callback }
  return { port: Number(first) || 0, host: typeof second === 'string' ? second : undefined, callback }
}

function own (object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, configurable: true, enumerable: true })
}

/**
 * The server in what a module exports, or null: a server, an application of a known kind, or with serves a plain
 * function (request, response). May be a promise.
 */
function serverOf (exported, serves) {
  if (exported === null || (typeof exported !== 'object' && typeof exported !== 'function')) return null
  if (isServer(exported)) return exported
  if (typeof exported.callback === 'function' && Array.isArray(exported.middleware)) return http().createServer(exported.callback()) // Koa
  if (typeof exported === 'function' && typeof exported.handle === 'function' && typeof exported.use === 'function') return http().createServer(exported) // Express, Connect
  if (isServer(exported.server) && typeof exported.ready === 'function') return Promise.resolve(exported.ready()).then(() => exported.server) // Fastify
  if (serves && typeof exported === 'function') return http().createServer(exported)
  return null
}

function isServer (value) {
  return value instanceof net.Server && (value instanceof http().Server || value instanceof https().Server)
}

module.exports = { install, serverOf, isServer }

'use strict'
// Sockets inside the sandbox: there is no network, so connections and names are asked of the host. This is for
// compatibility; what may be reached is decided by the host, and nothing else can be reached by other means.
const net = require('node:net')
const os = require('node:os')
const process = require('node:process')
const { whenOpened } = require('./network')

const LINE_LIMIT = 256 * 1024

/** path: the host's socket. */
function install (path) {
  const realConnect = net.Socket.prototype.connect

  /** Sends a request and calls back with the reply and the socket it came by, which is paused. */
  function ask (request, callback) {
    const socket = new net.Socket({ allowHalfOpen: true })
    let text = ''
    let finished = false
    const finish = (error, reply) => {
      if (finished) return
      finished = true
      socket.removeAllListeners()
      socket.on('error', () => {})
      callback(error, reply, socket)
    }
    socket.on('error', error => finish(error))
    socket.on('close', () => finish(Object.assign(new Error('the host closed the connection'), { code: 'ECONNRESET' })))
    socket.on('data', chunk => {
      text += chunk.toString('utf8')
      const end = text.indexOf('\n')
      if (end < 0 && text.length < LINE_LIMIT) return
      socket.pause()
      let reply
      try {
        reply = JSON.parse(text.slice(0, end))
      } catch (error) {
        return finish(error)
      }
      finish(null, reply)
    })
    realConnect.call(socket, { path })
    socket.write(JSON.stringify(request) + '\n')
    return socket
  }

  net.Socket.prototype.connect = function connect (...args) {
    const { options, callback } = normalise(args)
    if (options.path) return realConnect.apply(this, args)
    const port = portOf(options)
    const host = options.host || 'localhost'
    if (callback) this.once('connect', callback)
    if (this.destroyed) {
      this._undestroy()
      this._handle = null
    }
    this.connecting = true
    if (typeof options.lookup === 'function' && !net.isIP(host)) {
      options.lookup(host, { family: options.family, hints: options.hints, all: false }, (error, address) => {
        if (!this.connecting) return
        if (error) return this.destroy(error)
        open(this, Array.isArray(address) ? address[0].address : address, port, host)
      })
    } else {
      open(this, host, port, host)
    }
    return this
  }

  function open (self, address, port, host) {
    const helper = ask({ op: 'connect', host: address, port }, (error, reply, socket) => {
      self.removeListener('close', abandon)
      if (!self.connecting || self.destroyed) return socket.destroy()
      if (error || reply.error) {
        socket.destroy()
        self.connecting = false
        return self.destroy(failure('connect', error ? error.code : reply.error, `${host}:${port}`, { address, port }, reply && reply.message))
      }
      adopt(self, socket, reply)
    })
    const abandon = () => helper.destroy()
    self.once('close', abandon)
  }

  /** Gives the helper's connection to the socket that the author holds. */
  function adopt (self, helper, { address, port }) {
    helper.write('\n', () => {
      if (self.destroyed) return helper.destroy()
      const handle = helper._handle
      if (!handle) return self.destroy(failure('connect', 'ECONNRESET', `${address}:${port}`, { address, port }))
      handle.readStop()
      handle.reading = false
      helper._handle = null
      for (const key of Object.getOwnPropertySymbols(handle)) if (handle[key] === helper) handle[key] = self
      handle.getsockname = () => 0 // without it nobody looks at what is set below
      self._handle = handle
      const buffer = own(self, 'kBuffer')
      if (buffer) handle.useUserBuffer(buffer)
      const family = net.isIPv6(address) ? 'IPv6' : 'IPv4'
      self._peername = { address, port, family }
      self._sockname = { address: '127.0.0.1', port: 0, family: 'IPv4' }
      self.connecting = false
      self.emit('lookup', null, address, family === 'IPv6' ? 6 : 4, address)
      self.emit('connect')
      self.emit('ready')
      if (self._handle && self.readable && !self.isPaused()) self.read(0)
    })
  }

  net.Socket.prototype.resetAndDestroy = function resetAndDestroy () {
    return this.destroy()
  }

  whenOpened(() => {
    secure()
    names(ask)
  })
}

/** A native TLS socket would speak to the network by itself: it gets a connection of ours to speak through. */
function secure () {
  const tls = require('node:tls')
  const realConnect = tls.connect
  tls.connect = function connect (...args) {
    const { options, callback } = normalise(args, true)
    if (options.socket || options.path) return realConnect.apply(this, args)
    const raw = new net.Socket({ allowHalfOpen: options.allowHalfOpen })
    const socket = realConnect.call(this, { ...options, socket: raw }, callback || undefined)
    raw.once('error', error => socket.destroy(error))
    socket.once('close', () => raw.destroy())
    if (options.timeout) socket.setTimeout(options.timeout)
    raw.connect({ host: options.host || 'localhost', port: options.port, lookup: options.lookup, family: options.family })
    return socket
  }
}

/** dns.lookup and dns.resolve*, as callbacks and as promises. */
function names (ask) {
  const dns = require('node:dns')
  const query = (syscall, request) => new Promise((resolve, reject) => {
    ask(request, (error, reply, socket) => {
      socket.destroy()
      if (error || reply.error) reject(failure(syscall, error ? error.code : reply.error, request.host, { hostname: request.host }))
      else resolve(reply)
    })
  })
  async function lookup (hostname, options = {}) {
    if (typeof options === 'number') options = { family: options }
    const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : options.family || 0
    const { addresses = [] } = hostname ? await query('getaddrinfo', { op: 'lookup', host: String(hostname) }) : { addresses: ['127.0.0.1'] }
    const found = addresses.map(address => ({ address, family: net.isIPv6(address) ? 6 : 4 })).filter(a => !family || a.family === family)
    if (found.length === 0) throw failure('getaddrinfo', 'ENOTFOUND', hostname, { hostname })
    return options.all ? found : found[0]
  }
  dns.lookup = (hostname, options, callback) => {
    if (typeof options === 'function') [options, callback] = [{}, options]
    lookup(hostname, options || {}).then(
      found => process.nextTick(() => Array.isArray(found) ? callback(null, found) : callback(null, found.address, found.family)),
      error => process.nextTick(callback, error))
  }
  dns.promises.lookup = lookup
  const types = { resolve4: 'A', resolve6: 'AAAA', resolveCname: 'CNAME', resolveMx: 'MX', resolveNs: 'NS', resolvePtr: 'PTR', resolveSrv: 'SRV', resolveTxt: 'TXT', reverse: 'PTR' }
  const byType = async (host, type = 'A') => (await query(`query${type[0]}${type.slice(1).toLowerCase()}`, { op: 'resolve', host, type })).records || []
  const callbackForm = run => (host, ...rest) => {
    const callback = rest.pop()
    run(host, ...rest).then(records => process.nextTick(callback, null, records), error => process.nextTick(callback, error))
  }
  const targets = [[dns, callbackForm], [dns.Resolver.prototype, callbackForm], [dns.promises, run => run], [dns.promises.Resolver.prototype, run => run]]
  // How long a record holds is not known here: it is not to be kept.
  const addresses = type => async (host, options) => {
    const found = await byType(host, type)
    return options && options.ttl ? found.map(address => ({ address, ttl: 0 })) : found
  }
  for (const [target, form] of targets) {
    for (const [name, type] of Object.entries(types)) target[name] = form(host => byType(host, type))
    target.resolve4 = form(addresses('A'))
    target.resolve6 = form(addresses('AAAA'))
    for (const name of ['Any', 'Caa', 'Naptr', 'Soa', 'Tlsa']) target[`resolve${name}`] = form(host => byType(host, name.toUpperCase()))
    target.resolve = form((host, type) => byType(host, typeof type === 'string' ? type : 'A'))
  }
}

/** connect(options, cb), connect(port, host, cb), connect(path, cb), with further options for tls; or that as a list. */
function normalise (args, withOptions = false) {
  if (Array.isArray(args[0])) args = args[0]
  const callback = typeof args[args.length - 1] === 'function' ? args[args.length - 1] : null
  const [first, second] = args
  let options
  if (first !== null && typeof first === 'object') options = first
  else if (typeof first === 'string' && !/^\d+$/.test(first.trim())) options = { path: first }
  else options = typeof second === 'string' ? { port: first, host: second } : { port: first }
  if (withOptions) for (const more of args.slice(1)) if (more !== null && typeof more === 'object') options = { ...options, ...more }
  return { options, callback }
}

function portOf ({ port }) {
  const number = typeof port === 'string' && port.trim() !== '' ? Number(port) : port
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw Object.assign(new RangeError(`Port should be >= 0 and < 65536. Received ${String(port)}.`), { code: 'ERR_SOCKET_BAD_PORT' })
  }
  return number
}

function failure (syscall, code = 'ECONNRESET', what, more, message) {
  const errno = os.constants.errno[code]
  const text = message ? `${syscall} ${code} ${what}: ${message}` : `${syscall} ${code} ${what}`
  return Object.assign(new Error(text), { errno: errno === undefined ? code : -errno, code, syscall }, more)
}

function own (object, description) {
  const key = Object.getOwnPropertySymbols(object).find(s => s.description === description)
  return key && object[key]
}

module.exports = { install }

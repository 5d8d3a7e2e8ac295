'use strict'
// Compatibility around the sandbox: calls that it forbids answer with a clear error. The boundary is the kernel's.
const os = require('node:os')
const process = require('node:process')
const { install } = require('./egress')
const { whenOpened } = require('./network')
const servers = require('./servers')

/** program() is the loaded program, or null. */
function guard (boot, program) {
  const realConsole = console
  const slot = () => {
    const p = program()
    const invocation = p && (p.storage.getStore() || p.onlyOne())
    return invocation ? invocation.slot : null
  }
  accessor('process', () => { const s = slot(); return s ? s.process : process })
  accessor('console', () => { const s = slot(); return s ? s.console : realConsole })
  servers.install(() => {
    const p = program()
    return p === null ? null : slot() || p.evaluating || p.slots[0] || null
  })
  if (!boot.sandbox) return
  os.networkInterfaces = () => ({})
  if (boot.egress) install(boot.egress)
  whenOpened(() => {
    require('node:worker_threads').Worker = class Worker {
      constructor () { throw unsupported('worker threads cannot be started inside a function') }
    }
  })
}

function accessor (name, get) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    enumerable: false,
    get,
    set (value) { Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false }) }
  })
}

function unsupported (message) {
  return Object.assign(new Error(message), { reason: 'unsupported_call' })
}

module.exports = { guard }

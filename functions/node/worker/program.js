'use strict'
// The function that this process runs: its code, its slots and its invocations.
const path = require('node:path')
const { AsyncLocalStorage } = require('node:async_hooks')
const { Type } = require('./channel')
const { LEVELS } = require('./shadow')
const { Slot } = require('./slot')
const { Modules, compile } = require('./loader')
const { HandlerContext, withUserInfo } = require('./context')
const { LogGate } = require('./log')
const { fieldsOf } = require('./fields')
const { Connection } = require('./connection')
const fetch = require('./fetch')

const RESULT_LIMIT = 6 * 1024 * 1024
const FLAG_LINGER = 1
const FLAG_FATAL = 2
const stringify = JSON.stringify
const now = Date.now

class Program {
  /** settings: the LOAD frame's meta data. code: text or null (unbundled). */
  constructor ({ channel, calls, failures, sdk }, settings, code, cachedData) {
    this.channel = channel
    this.calls = calls
    this.failures = failures
    this.sdk = sdk
    this.settings = settings
    this.storage = new AsyncLocalStorage()
    this.slots = []
    this.running = new Map()
    this.gate = new LogGate(channel)
    this.fetches = code !== null && settings.check && fetch.calledBy(code)
    this.filename = path.join(settings.folder, settings.entry)
    this.modules = new Modules(settings.folder, settings.source)
    this.wrapper = null
    this.script = null
    this.broken = null
    this.evaluating = null // the slot whose code runs outside of an invocation
    if (code !== null) {
      failures.describe(this.filename)
      try {
        this.script = compile(this.filename, code, cachedData)
        this.wrapper = this.script.runInThisContext()
      } catch (e) {
        this.broken = e
      }
      this.wantsCache = settings.wantCache && (cachedData === undefined || this.script === null || this.script.cachedDataRejected)
    }
  }

  slot (number) {
    return (this.slots[number] ||= new Slot(this, number))
  }

  /** The invocation that the running code belongs to. */
  current (slot) {
    const inside = this.storage.getStore()
    return inside !== undefined && (slot === undefined || inside.slot === slot) ? inside : slot === undefined ? this.onlyOne() : slot.current
  }

  onlyOne () {
    if (this.running.size === 1) for (const invocation of this.running.values()) return invocation
    return null
  }

  /** What the platform's SDK gets: the doors of its slot. */
  hostFor (slot) {
    return {
      env: this.settings.app,
      call: (operation, request, attachment) => this.calls.call(this.current(slot), operation, request, attachment),
      context: () => {
        const invocation = this.current(slot)
        return { ...this.idleContext(), ...(invocation && invocation.meta) }
      },
      log: (level, message, value) => this.log(slot, LEVELS[level] === undefined ? LEVELS.info : LEVELS[level], String(message), fieldsOf(value))
    }
  }

  idleContext () {
    const { settings } = this
    return { requestId: '', functionName: settings.function, functionVersion: settings.version, env: settings.app, source: '', deadline: 0, caller: {} }
  }

  log (slot, level, text, fields = null) {
    const invocation = this.current(slot)
    this.gate.write(slot.number, invocation ? invocation.id : 0, level, this.failures.translate(text), fields)
  }

  /** Starts an invocation. */
  invoke (slotNumber, id, meta, event) {
    const slot = this.slot(slotNumber)
    const invocation = { id, slot, meta, calls: 0, settled: false, stopped: false, onQuiet: null }
    this.running.set(id, invocation)
    slot.current = invocation
    this.storage.run(invocation, run, this, slot, invocation, event)
  }

  /** Starts an invocation that is an HTTP exchange. head: the first bytes of the client. */
  serve (slotNumber, id, meta, head) {
    const slot = this.slot(slotNumber)
    const invocation = { id, slot, meta, calls: 0, settled: false, stopped: false, onQuiet: null, connection: null, handling: false, closed: false }
    this.running.set(id, invocation)
    slot.current = invocation
    invocation.connection = new Connection({
      channel: this.channel,
      slot: slotNumber,
      id,
      address: meta.caller.clientIp || '127.0.0.1',
      run: f => this.storage.run(invocation, f),
      over: () => {
        invocation.closed = true
        if (!invocation.handling) this.settle(invocation, null, null)
      }
    })
    invocation.connection.on('error', () => {})
    this.storage.run(invocation, open, this, slot, invocation, head)
  }

  /** The handler of an event has done its part of an exchange. */
  handled (invocation) {
    invocation.handling = false
    if (invocation.closed) this.settle(invocation, null, null)
  }

  /** Takes a frame of an exchange. */
  exchange (type, id, buffer, start, end) {
    const invocation = this.running.get(id)
    if (invocation === undefined || !invocation.connection) return
    const { connection } = invocation
    switch (type) {
      case Type.DATA:
        return connection.take(Buffer.from(buffer.subarray(start, end)))
      case Type.END:
        return connection.takeEnd()
      case Type.WINDOW:
        return connection.takeRoom(buffer.readUInt32LE(start))
      case Type.HANGUP:
        return connection.hangUp()
    }
  }

  /** Answers for the invocation, once. */
  settle (invocation, error, value) {
    if (invocation.settled) return
    if (error !== null) return this.fail(invocation, 'function_error', error.thrown)
    let json
    try {
      json = stringify(value === undefined ? null : value)
      if (json === undefined) json = 'null'
    } catch (e) {
      return this.fail(invocation, 'function_error', e)
    }
    if (json.length > RESULT_LIMIT || (json.length * 3 > RESULT_LIMIT && Buffer.byteLength(json) > RESULT_LIMIT)) {
      return this.fail(invocation, 'function_result_too_large', new Error(`the result is ${(Buffer.byteLength(json) / 1048576).toFixed(1)} MiB of JSON; the limit is ${RESULT_LIMIT >> 20} MiB`))
    }
    this.finish(invocation)
    this.channel.text(Type.RESULT, this.linger(invocation), invocation.slot.number, invocation.id, json)
    if (this.wantsCache) this.offerCache()
  }

  fail (invocation, reason, error, flags = 0) {
    if (invocation.settled) return
    this.finish(invocation)
    if (flags === 0) flags = this.linger(invocation)
    const text = this.failures.describeError(failedToLoad(error) ? 'function_load_failed' : reason, error)
    this.channel.text(Type.ERROR, flags, invocation.slot.number, invocation.id, text)
  }

  finish (invocation) {
    invocation.settled = true
    this.gate.flush()
  }

  /** Keeps the slot for calls that were started and not waited for; the host ends that after the grace period. */
  linger (invocation) {
    if (invocation.calls === 0) {
      this.forget(invocation)
      return 0
    }
    invocation.onQuiet = () => {
      invocation.onQuiet = null
      this.forget(invocation)
      this.gate.flush()
      this.channel.bytes(Type.DONE, 0, invocation.slot.number, invocation.id)
    }
    return FLAG_LINGER
  }

  forget (invocation) {
    this.running.delete(invocation.id)
  }

  /** The host has given up on the invocation: its calls end now. */
  stop (id) {
    const invocation = this.running.get(id)
    if (!invocation) return
    invocation.stopped = true
    this.calls.stop(invocation)
    if (invocation.connection) invocation.connection.hangUp()
  }

  /** User code asked to end the process: that ends its own request; the host replaces the process. */
  exit (slot, code) {
    const how = typeof code === 'string' ? code === 'abort' ? 'process.abort() was called' : `the function sent itself ${code}` : `process.exit(${code === undefined ? 0 : code}) was called`
    const error = new Error(how)
    const invocation = this.current(slot)
    if (invocation && !invocation.settled) this.fail(invocation, 'function_error', error, FLAG_FATAL)
    else this.recycle(slot.number, error)
    this.channel.flush()
    throw error
  }

  /** Something nobody caught: fails the invocation that it belongs to, and the process with it. */
  uncaught (error, kind) {
    const invocation = this.storage.getStore() || this.onlyOne()
    const slot = invocation && invocation.slot
    if (slot && slot.process.listenerCount(kind) > 0) {
      try {
        slot.process.emit(kind, error, kind === 'unhandledRejection' ? Promise.resolve() : kind)
        return
      } catch (e) {
        error = e
      }
    }
    if (invocation && !invocation.settled) return this.fail(invocation, 'function_error', error, FLAG_FATAL)
    if (slot) this.log(slot, LEVELS.error, `${kind === 'unhandledRejection' ? 'Unhandled rejection' : 'Uncaught exception'} after the reply: ${(error && error.stack) || error}`)
    this.gate.flush()
    this.recycle(slot ? slot.number : 0, error)
  }

  /** Asks the host to replace this process. If nobody knows whose fault it was, every running invocation fails. */
  recycle (slotNumber, error) {
    this.channel.text(Type.ERROR, FLAG_FATAL, slotNumber, 0, this.failures.describeError('function_error', error))
  }

  /** Gives the host the compiled form, so that the next process of this version starts faster. */
  offerCache () {
    this.wantsCache = false
    setImmediate(() => {
      try {
        this.channel.bytes(Type.CACHE, 0, 0, 0, this.script.createCachedData())
      } catch {}
    })
  }

  /** Evaluates the code once, gives the host its compiled form, and reports what it exports. */
  async check () {
    const started = now()
    if (this.broken) throw this.broken
    const slot = this.slot(0)
    await slot.ready()
    const server = slot.isServer()
    if (!server) slot.handler()
    await new Promise(setImmediate)
    if (this.wantsCache) this.channel.bytes(Type.CACHE, 0, 0, 0, this.script.createCachedData())
    return { exports: Object.keys(slot.exports), server, fetches: this.fetches || fetch.loaded(), milliseconds: now() - started }
  }
}

/** Runs inside the invocation's async context. */
function run (program, slot, invocation, event) {
  if (program.broken) return program.fail(invocation, 'function_load_failed', program.broken, FLAG_FATAL)
  let waiting
  try {
    slot.identify(invocation.meta)
    waiting = slot.ready()
  } catch (e) {
    return program.fail(invocation, 'function_load_failed', e, FLAG_FATAL)
  }
  if (waiting === undefined) return handle(program, slot, invocation, event)
  waiting.then(() => handle(program, slot, invocation, event), e => program.fail(invocation, 'function_load_failed', e, FLAG_FATAL))
}

/** Gives an exchange to the server of the code. Runs inside the invocation's async context. */
function open (program, slot, invocation, head) {
  if (program.broken) return program.fail(invocation, 'function_load_failed', program.broken, FLAG_FATAL)
  const broken = e => program.fail(invocation, 'function_load_failed', e, FLAG_FATAL)
  const give = server => {
    if (invocation.closed) return
    server.emit('connection', invocation.connection)
    invocation.connection.take(head)
  }
  const find = () => {
    const server = slot.httpServer()
    if (typeof server.then === 'function') server.then(give, broken)
    else give(server)
  }
  try {
    slot.identify(invocation.meta)
    const waiting = slot.ready()
    if (waiting === undefined) find()
    else waiting.then(find).catch(broken)
  } catch (e) {
    broken(e)
  }
}

function handle (program, slot, invocation, event) {
  const reply = (error, value) => error === null || error === undefined ? program.settle(invocation, null, value) : program.settle(invocation, { thrown: error })
  try {
    const main = slot.handler()
    const result = main.call(slot.exports, withUserInfo(event, invocation.meta), new HandlerContext(program.settings, invocation.meta, reply), reply)
    if (result !== null && (typeof result === 'object' || typeof result === 'function') && typeof result.then === 'function') {
      result.then(value => program.settle(invocation, null, value), thrown => program.settle(invocation, { thrown }))
    } else if (result !== undefined || main.length < 3) {
      program.settle(invocation, null, result)
    }
  } catch (thrown) {
    if (failedToLoad(thrown)) return program.fail(invocation, 'function_load_failed', thrown, FLAG_FATAL)
    program.settle(invocation, { thrown })
  }
}

/** Whether an error says that the code could not be loaded. What was thrown may be anything, and throw when looked at. */
function failedToLoad (thrown) {
  try {
    return Boolean(thrown) && thrown.reason === 'function_load_failed'
  } catch {
    return false
  }
}

module.exports = { Program, FLAG_FATAL }
